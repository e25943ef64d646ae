import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { AuditUserScope } from '../../db/audit-filter.ts'
import type { Person } from '../../db/person.ts'
import { lockPerson, unlockPerson } from '../../db/person-changes.ts'
import { getPerson } from '../../db/people.ts'
import type { Origin, PersonScope } from '../../db/scope.ts'
import { endExpiredSignIns } from '../../db/sign-in-expiry.ts'
import { findSignIn, listOwnSignIns, listSignIns } from '../../db/sign-in-lists.ts'
import { listSignInRecords } from '../../db/sign-in-records.ts'
import { createSignIn, endSignIn, endSignInsOf, findLiveSignIn } from '../../db/sign-ins.ts'
import { getRow, rows, storeTime } from '../../db/store.ts'
import { appendRecord } from '../../db/audit-log.ts'
import { uuidv7 } from '../../lib/ids.ts'
import { until } from '../support/until.ts'
import { makeWorld, type Name, type World } from '../support/world.ts'

describe('sign-ins in the store', () => {
  let world: World
  let audrey: AuditUserScope

  before(async function () {
    this.timeout(60_000)
    world = await makeWorld()
    const { person, ...scope } = world.scopes.audrey
    audrey = { ...scope, person: { ...person, auditUser: true } }
  })
  after(() => world.close())

  it('are worth something until they end, and say whose they are in one question', async () => {
    const id = await signIn('mark')
    const live = await findLiveSignIn(world.portal.db, id)
    assert.deepEqual(live, {
      person: await getPerson(world.portal.db, world.people.mark.id),
      organization: world.scopes.mark.organization,
      authMethod: 'password',
    })
    assert.deepEqual(await recordsOf(id), [
      ['auth.login', 'mark', id],
      ['token.created', 'mark', id],
    ])
  })

  const DEATHS = [
    [
      'ended',
      'update sign_ins set ended_at = now(), ended_as = :text where id = :id',
      'signed_out',
    ],
    ['past its day', `update sign_ins set expires_at = now() - interval '1 s' where id = :id`, ''],
    [
      'of somebody disabled',
      'update people set disabled_at = now(), out_as = :text where id = :person',
      'disabled',
    ],
    [
      'of somebody expired',
      `update people set expires_at = now() - interval '1 s' where id = :person`,
      '',
    ],
    ['of no Portal User', 'update people set portal_user = false where id = :person', ''],
  ] as const
  for (const [name, sql, text] of DEATHS) {
    it(`are worth nothing once ${name}`, async () => {
      const id = await signIn('mark')
      assert.ok(await findLiveSignIn(world.portal.db, id))
      const person = world.people.mark.id
      await rows(world.owner.db, sql, { id, person, text })
      try {
        assert.equal(await findLiveSignIn(world.portal.db, id), undefined)
        const shown = await findSignIn(world.portal.db, world.scopes.admin, id)
        assert.equal(shown?.isActive, false)
        assert.ok(shown.endedAt !== null && shown.endedAs !== null)
      } finally {
        await rows(
          world.owner.db,
          'update people set disabled_at = null, out_as = null, expires_at = null, portal_user = true where id = :person',
          { person },
        )
      }
    })
  }

  it('are noted as seen once a minute, not at each question', async () => {
    const id = await signIn('mark')
    const seen = async () =>
      (
        await getRow<{ seen: string }>(
          world.owner.db,
          'select last_seen_at::text as seen from sign_ins where id = :id',
          { id },
        )
      ).seen
    const first = await seen()
    await findLiveSignIn(world.portal.db, id)
    assert.equal(await seen(), first)
    await rows(
      world.owner.db,
      `update sign_ins set last_seen_at = now() - interval '2 minutes' where id = :id`,
      { id },
    )
    const stale = await seen()
    await Promise.all(Array.from({ length: 5 }, () => findLiveSignIn(world.portal.db, id)))
    assert.notEqual(await seen(), stale)
  })

  it('end one by one, with who, how and why, and only once', async () => {
    const [one, other] = [await signIn('mark'), await signIn('mark')]
    const ending = { id: one, as: 'terminated', reason: 'left open in the library' } as const
    const end = () => world.portal.change((tx) => endSignIn(tx, world.origins.admin, ending))
    assert.equal(await end(), true)
    assert.equal(await end(), false)
    assert.equal(await findLiveSignIn(world.portal.db, one), undefined)
    assert.ok(await findLiveSignIn(world.portal.db, other))
    const shown = await findSignIn(world.portal.db, world.scopes.admin, one)
    assert.deepEqual(
      [shown?.endedAs, shown?.endedBy?.name, shown?.endReason],
      ['terminated', 'admin', 'left open in the library'],
    )
    assert.deepEqual((await recordsOf(one)).slice(2), [
      ['auth.sign_in_terminated', 'admin', one],
      ['token.deleted', 'admin', one],
    ])
  })

  it('end all of a person but the one excepted', async () => {
    const kept = await signIn('john')
    const ended = [await signIn('john'), await signIn('john')]
    const others = await signIn('mark')
    const count = await world.portal.change((tx) =>
      endSignInsOf(tx, world.origins.john, world.people.john.id, {
        as: 'password_changed',
        exceptId: kept,
      }),
    )
    assert.ok(count >= 2)
    assert.ok(await findLiveSignIn(world.portal.db, kept))
    assert.ok(await findLiveSignIn(world.portal.db, others))
    for (const id of ended) assert.equal(await findLiveSignIn(world.portal.db, id), undefined)
  })

  it('of another organization are neither seen nor ended', async () => {
    const id = await signIn('mark')
    const organization = { ...world.origins.admin.organization, id: await anotherOrganization() }
    const origin: Origin = { ...world.origins.admin, organization }
    const scope: PersonScope = { ...world.scopes.admin, organization }
    assert.equal(await findSignIn(world.portal.db, scope, id), undefined)
    assert.deepEqual((await listSignIns(world.portal.db, scope, ALL)).signIns, [])
    const records = await listSignInRecords(
      world.portal.db,
      { ...audrey, organization },
      await shown(id),
    )
    assert.deepEqual(records.records, [])
    const mark = world.people.mark.id
    await world.portal.change(async (tx) => {
      assert.equal(await endSignIn(tx, origin, { id, as: 'terminated' }), false)
      assert.equal(await endSignInsOf(tx, origin, mark, { as: 'locked' }), 0)
    })
    assert.ok(await findLiveSignIn(world.portal.db, id))
  })

  it('do not begin beside a lock that is under way, nor come back to life after it', async () => {
    const before = await signIn('john')
    const { john } = world.people
    let racing: Promise<boolean> | undefined
    await world.portal.change(async (tx) => {
      await lockPerson(tx, world.origins.admin, john.id, 'a stolen laptop')
      racing = world.portal.change((other) =>
        createSignIn(other, world.origins.john, {
          id: uuidv7(),
          person: john,
          authMethod: 'password',
        }),
      )
      await until('the sign-in waits for the lock', async () => {
        const { waits } = await getRow<{ waits: boolean }>(
          world.owner.db,
          `select exists (select from pg_stat_activity
                           where datname = current_database() and wait_event_type = 'Lock') as waits`,
        )
        return waits
      })
    })
    assert.equal(await racing, false)
    await world.portal.change((tx) => unlockPerson(tx, world.origins.admin, john.id))
    assert.equal(await findLiveSignIn(world.portal.db, before), undefined)
    const said = await rows<{ action: string }>(
      world.owner.db,
      `select action from records where action like '%lock%' order by at, seq`,
    )
    const actions = said.map(({ action }) => action)
    assert.deepEqual(actions, ['user.locked', 'auth.locked', 'user.unlocked', 'auth.unlocked'])
  })

  it('do not begin with a password that was changed since it was checked', async () => {
    const { mark } = world.people
    await rows(world.owner.db, 'update people set password_changed_at = now() where id = :id', {
      id: mark.id,
    })
    const start = async (person: Person) =>
      world.portal.change((tx) =>
        createSignIn(tx, world.origins.mark, { id: uuidv7(), person, authMethod: 'password' }),
      )
    assert.equal(await start(mark), false)
    assert.equal(await start(await getPerson(world.portal.db, mark.id)), true)
  })

  it('whose day is over are written down once, in the name of the system', async () => {
    const id = await signIn('audrey')
    await rows(
      world.owner.db,
      `update sign_ins set expires_at = now() - interval '1 s' where id = :id`,
      { id },
    )
    const looks = await Promise.all([
      world.portal.change(endExpiredSignIns),
      world.portal.change(endExpiredSignIns),
    ])
    assert.ok(looks[0] + looks[1] >= 1)
    assert.equal(await world.portal.change(endExpiredSignIns), 0)
    assert.deepEqual((await recordsOf(id)).slice(2), [['token.deleted', 'system', id]])
    const ended = await shown(id)
    assert.deepEqual(
      [ended.endedAs, ended.endedAt?.toMillis()],
      ['expired', ended.expiresAt.toMillis()],
    )
  })

  it('are listed active first, then newest first, page by page, each once', async () => {
    const filter = { ...ALL, q: 'audrey' }
    const ids = [await signIn('audrey'), await signIn('audrey'), await signIn('audrey')]
    await world.portal.change((tx) =>
      endSignIn(tx, world.origins.audrey, { id: ids[2] ?? '', as: 'signed_out' }),
    )
    const whole = (await listSignIns(world.portal.db, world.scopes.admin, filter)).signIns
    const actives = whole.map(({ isActive }) => isActive)
    assert.deepEqual(actives, [...actives].sort().reverse())
    assert.deepEqual(
      new Set(ids),
      new Set(whole.map(({ id }) => id).filter((id) => ids.includes(id))),
    )
    const paged: string[] = []
    let cursor: Parameters<typeof listSignIns>[3] = { size: 1 }
    for (;;) {
      const page = await listSignIns(world.portal.db, world.scopes.admin, filter, cursor)
      paged.push(...page.signIns.map(({ id }) => id))
      if (page.next === undefined) break
      cursor = { size: 1, cursor: page.next }
    }
    assert.deepEqual(
      paged,
      whole.map(({ id }) => id),
    )
    assert.deepEqual(
      (await listOwnSignIns(world.portal.db, world.scopes.audrey)).map(({ id }) => id).sort(),
      whole
        .filter(({ isActive }) => isActive)
        .map(({ id }) => id)
        .sort(),
    )
  })

  it('are found by first, last or full name or username, and % is a letter', async () => {
    await rows(
      world.owner.db,
      `update people set display_name = 'Audrey van der 100% Berg' where username = 'audrey'`,
    )
    await signIn('audrey')
    for (const q of ['audrey', 'AUDREY', 'berg', 'Audrey van der 100% Berg', '100%']) {
      const { signIns } = await listSignIns(world.portal.db, world.scopes.admin, { ...ALL, q })
      assert.ok(signIns.length > 0, q)
      assert.ok(
        signIns.every(({ person }) => person.username === 'audrey'),
        q,
      )
    }
    for (const q of ['A%y', 'Aud_ey', 'nobody']) {
      const { signIns } = await listSignIns(world.portal.db, world.scopes.admin, { ...ALL, q })
      assert.deepEqual(signIns, [], q)
    }
  })

  it('are listed for each time in which they were open', async () => {
    const id = await signIn('john')
    await rows(
      world.owner.db,
      `update sign_ins set started_at = '2026-03-01T20:00:00Z', expires_at = '2026-03-02T08:00:00Z',
              ended_at = '2026-03-02T01:00:00Z', ended_as = 'signed_out' where id = :id`,
      { id },
    )
    const { startedAt, endedAt } = await shown(id)
    assert.ok(endedAt)
    const isIn = async (since: typeof startedAt, until: typeof startedAt) => {
      const filter = { since, until, q: null }
      const { signIns } = await listSignIns(world.portal.db, world.scopes.admin, filter)
      return signIns.some((one) => one.id === id)
    }
    const minute = { minutes: 1 }
    assert.ok(await isIn(startedAt.minus({ hours: 5 }), startedAt))
    assert.ok(await isIn(startedAt.plus(minute), startedAt.plus({ minutes: 2 })))
    assert.ok(await isIn(endedAt, endedAt.plus({ hours: 9 })))
    assert.ok(!(await isIn(endedAt.plus(minute), endedAt.plus({ hours: 9 }))))
    assert.ok(!(await isIn(startedAt.minus({ hours: 5 }), startedAt.minus(minute))))
  })

  it('keep what was done in them, searchable and page by page', async () => {
    const [id, other] = [await signIn('mark'), await signIn('mark')]
    await note(other, ['somewhere else'])
    await note(id, ['looked at the invoices', 'looked at the orders', 'left'])
    const signedIn = await shown(id)
    const reasons = async (q: string | null) =>
      (await listSignInRecords(world.portal.db, audrey, signedIn, { q })).records.map(
        ({ reason, action }) => reason ?? action,
      )
    assert.deepEqual(await reasons(null), [
      'left',
      'looked at the orders',
      'looked at the invoices',
      'token.created',
      'auth.login',
    ])
    assert.deepEqual(await reasons('LOOKED'), ['looked at the orders', 'looked at the invoices'])
    assert.deepEqual(await reasons('token.cre'), ['token.created'])
    assert.deepEqual(await reasons('else'), [])
    const first = await listSignInRecords(world.portal.db, audrey, signedIn, { size: 2 })
    const second = await listSignInRecords(world.portal.db, audrey, signedIn, {
      size: 2,
      cursor: first.next,
    })
    const found = [...first.records, ...second.records].map(
      ({ reason, action }) => reason ?? action,
    )
    assert.deepEqual(found, (await reasons(null)).slice(0, 4))
  })

  const ALL = { since: null, until: null, q: null }

  async function signIn(name: Name): Promise<string> {
    const id = uuidv7()
    const person = await getPerson(world.portal.db, world.people[name].id)
    const origin = { ...world.origins[name], signInId: id }
    const isStarted = await world.portal.change((tx) =>
      createSignIn(tx, origin, { id, person, authMethod: 'password' }),
    )
    assert.ok(isStarted)
    return id
  }

  async function shown(id: string) {
    const signedIn = await findSignIn(world.portal.db, world.scopes.admin, id)
    assert.ok(signedIn)
    return signedIn
  }

  async function note(signInId: string, reasons: readonly string[]): Promise<void> {
    await world.portal.change(async (tx) => {
      const origin = { ...world.origins.mark, signInId }
      for (const reason of reasons) {
        await appendRecord(tx, origin, await storeTime(tx), {
          action: 'settings.changed',
          area: 'settings',
          outcome: 'ok',
          reason,
        })
      }
    })
  }

  /** What the trail tells of one sign-in: verb, who, and which it was. */
  async function recordsOf(id: string): Promise<unknown[]> {
    const found = await rows<{ action: string; actor: string; subject: string }>(
      world.owner.db,
      `select action, actor_name as actor, body::jsonb #>> '{subject,id}' as subject
         from records
        where body::jsonb #>> '{subject,id}' = :id
        order by at, seq`,
      { id },
    )
    return found.map(({ action, actor, subject }) => [action, actor, subject])
  }

  async function anotherOrganization(): Promise<string> {
    const { id } = await getRow<{ id: string }>(
      world.owner.db,
      `insert into organizations (name, account_id) values (:name, :account) returning id`,
      { name: 'Another', account: randomUUID().slice(0, 8) },
    )
    return id
  }
})
