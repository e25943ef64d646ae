import { setTimeout as sleep } from 'node:timers/promises'
import type { SessionId } from '../../lib/ids.ts'
import { findRow, rows } from '../../db/store.ts'
import { runOn, type World } from './world.ts'

/** A role on the data source that is this world's by any sign: comment, name, OID or maker. */
export interface OurRole {
  readonly oid: number
  readonly name: string
  readonly login: boolean
  readonly marked: boolean
  readonly comment: string | null
  readonly backends: number
}

/** What the store says of one session and its user. */
export interface Believed {
  readonly id: SessionId
  readonly uuid: string
  readonly state: string
  readonly username: string | null
  readonly oid: number | null
  readonly removed: boolean
  /** It has ended, or its time is over and somebody should have noticed. */
  readonly over: boolean
  /** Why its removal is still trying. */
  readonly detail: string | null
}

/** Every word that a session's trail may be; one that is still under way may stop early. */
const GRAMMAR =
  /^CREATED( role_approved)*( role_denied DENIED| CANCELED| EXPIRED| TERMINATED| APPROVED( CANCELED| EXPIRED| TERMINATED| GRANTED( CANCELED| EXPIRED| TERMINATED)?)?)?$/
const TERMINAL = /(DENIED|CANCELED|EXPIRED|TERMINATED)$/

/** Everything that must hold at any moment: a sentence for each thing that does not. */
export async function violations(world: World): Promise<string[]> {
  return [
    ...(await unaccountedLogins(world)),
    ...(await missingApprovals(world)),
    ...(await brokenGrammar(world)),
    ...(await wrongTimes(world)),
  ]
}

/** I1: whoever can log in is exactly one granted session's user, and each session has one at most. */
export async function unaccountedLogins(world: World): Promise<string[]> {
  // the data source first: a session that ends in between is seen as it was
  const roles = await listOurRoles(world)
  const believed = await listBelieved(world)
  const seen = new Set<string>()
  const faults: string[] = []
  for (const { name, oid, comment, login, marked } of roles) {
    if (!login) continue
    const session = believed.find(({ uuid }) => uuid === comment)
    if (session === undefined || !marked) faults.push(`I1: ${name} can log in and is nobody's`)
    else if (session.state !== 'GRANTED') {
      faults.push(`I1: ${name} can log in and session ${session.id} is ${session.state}`)
    } else if (session.username !== name || (session.oid !== null && session.oid !== oid)) {
      faults.push(`I1: ${name} (${String(oid)}) is not the user of session ${session.id}`)
    } else if (seen.has(session.id)) faults.push(`I1: session ${session.id} has two users`)
    else seen.add(session.id)
  }
  return faults
}

/** At any moment, faults or not: whoever can log in has a durable GRANTED record. */
export async function ungrantedLogins(world: World): Promise<string[]> {
  // roles first: what could log in then must have its record by now
  const roles = (await listOurRoles(world)).filter(({ login }) => login)
  const granted = await rows<{ uuid: string }>(
    world.owner.db,
    `select s.uuid
       from sessions s
       join session_moves m on m.session_id = s.id and m.to_state = 'GRANTED'`,
  )
  return roles
    .filter(({ comment }) => !granted.some(({ uuid }) => uuid === comment))
    .map(({ name }) => `I1: ${name} can log in and was never granted`)
}

/** I3: what was granted had its approvals, by distinct people entitled to it, none the requester. */
async function missingApprovals(world: World): Promise<string[]> {
  const found = await rows<{ id: string; name: string; needed: number; had: number }>(
    world.owner.db,
    `select s.id, r.name, r.approvals_needed as needed, cast(v.had as integer) as had
       from sessions s
       join session_moves g on g.session_id = s.id and g.to_state = 'GRANTED'
       join session_roles r on r.session_id = s.id
       join lateral (
              select count(distinct a.person_id) as had
                from session_approvals a
                join group_members m on m.group_id = r.approver_group_id and m.person_id = a.person_id
               where a.session_id = s.id
                 and a.role_id = r.role_id
                 and a.person_id <> s.requester_id
                 and a.request_hash = s.request_hash
                 and a.at <= g.at) v on true
      where v.had < r.approvals_needed`,
  )
  return found.map(
    ({ id, name, needed, had }) =>
      `I3: session ${id} was granted ${name} with ${String(had)} of ${String(needed)} approvals`,
  )
}

/** I4: every trail is a word of the grammar, ends once, and agrees with the moves and the state. */
async function brokenGrammar(world: World): Promise<string[]> {
  const found = await rows<{ id: string; state: string; trail: string; moves: string }>(
    world.owner.db,
    `select s.id, s.state,
            (select string_agg(case scope when 'role' then 'role_' || lower(r.state) else r.state end,
                               ' ' order by at, seq)
               from records r
              where r.session_id = s.id and r.state is not null and r.scope in ('role', 'session')) as trail,
            (select string_agg(to_state, ' ' order by ordinal)
               from session_moves m
              where m.session_id = s.id) as moves
       from sessions s`,
  )
  const faults: string[] = []
  for (const { id, state, trail, moves } of found) {
    const told = trail.replace(/role_\w+ ?/g, '').trim()
    if (!GRAMMAR.test(trail)) faults.push(`I4: session ${id} lived "${trail}"`)
    if (told !== moves)
      faults.push(`I4: session ${id} moved "${moves}" and the trail says "${told}"`)
    if (!moves.endsWith(state)) faults.push(`I4: session ${id} is ${state} after "${moves}"`)
    if (TERMINAL.test(state) !== TERMINAL.test(trail)) {
      faults.push(`I4: session ${id} is ${state} and its trail is "${trail}"`)
    }
  }
  return faults
}

/** I5: nothing is granted before its start or at its end. */
async function wrongTimes(world: World): Promise<string[]> {
  const found = await rows<{ id: string }>(
    world.owner.db,
    `select s.id
       from sessions s
       join session_moves m on m.session_id = s.id and m.to_state = 'GRANTED'
      where not (s.start_at <= m.at and m.at < s.end_at and s.granted_at = m.at)`,
  )
  return found.map(({ id }) => `I5: session ${id} was granted outside its window`)
}

/** Every role on the data source that is ours by any sign. */
export async function listOurRoles(world: World): Promise<OurRole[]> {
  const believed = await listBelieved(world)
  return runOn<OurRole>(
    world.shop.cluster.superuserUrl(),
    `select r.oid, r.rolname as name, r.rolcanlogin as login,
            exists (select
                      from pg_auth_members m
                     where m.member = r.oid
                       and m.roleid = to_regrole('daypass_session')) as marked,
            shobj_description(r.oid, 'pg_authid') as comment,
            (select cast(count(*) as integer) from pg_stat_activity a where a.usesysid = r.oid) as backends
       from pg_roles r
      where r.rolname = any ($1)
         or shobj_description(r.oid, 'pg_authid') = any ($2)
         or (r.oid = any ($3) and r.rolname like 'dp\\_%')
         or (r.rolname like 'dp\\_%' and exists (select
                                                  from pg_auth_members m
                                                 where m.roleid = r.oid
                                                   and m.member = to_regrole($4)))`,
    [
      believed.map(({ username }) => username).filter((name) => name !== null),
      believed.map(({ uuid }) => uuid),
      believed.map(({ oid }) => oid).filter((oid) => oid !== null),
      world.shop.adminName,
    ],
  )
}

/** Every session of the store. */
export function listBelieved(world: World): Promise<Believed[]> {
  return rows(
    world.owner.db,
    `select s.id, s.uuid, s.state, u.username, u.role_oid as oid, s.removed_at is not null as removed,
            s.ended_at is not null or coalesce(s.end_at <= clock_timestamp(), false) as over,
            (select detail from session_jobs j where j.session_id = s.id and j.kind = 'removal') as detail
       from sessions s
       left join session_users u on u.session_id = s.id`,
  )
}

/** I12: waits for an alert of one of these rules that is raised and not over. */
export async function awaitAlert(
  world: World,
  rules: readonly string[],
  withinMs = 60_000,
): Promise<string | undefined> {
  const deadline = performance.now() + withinMs
  for (;;) {
    const alert = await findRow<{ rule: string }>(
      world.owner.db,
      `select rule from alerts where resolved_at is null and rule = any (cast(:rules as text[]))`,
      { rules },
    )
    if (alert !== undefined) return alert.rule
    if (performance.now() > deadline) return undefined
    await sleep(200)
  }
}
