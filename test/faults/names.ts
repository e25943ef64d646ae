import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { sentenceOf } from '../../lib/errors.ts'
import { createRole } from '../../db/roles.ts'
import { systemOrigin } from '../../db/scope.ts'
import { requestSession } from '../../broker/sessions/lifecycle.ts'
import { makeBroker } from '../support/broker.ts'
import { listOurRoles } from '../support/oracles.ts'
import type { Bench } from './bench.ts'
import type { Cell } from './cell.ts'

/** Database roles whose names are traps. */
export const NAMES: readonly Cell[] = [
  {
    name: 'names: 64+ bytes, quotes, semicolons, pg_x, none, NUL, right-to-left',
    holds: 'refused before SQL, or exact',
    run: names,
  },
]

const TRAPS = [
  `a"b`,
  `a'b`,
  `x; drop role postgres; --`,
  `x" ; drop role "postgres`,
  'ünïcödé',
  '\u202Eevil\u202C',
  'with space',
  '-- comment',
  '$$',
  '\\',
]
const REFUSED = [
  'n'.repeat(64),
  'é'.repeat(40),
  'none',
  'public',
  'NUL\u0000here',
  '',
  'pg_read_all_data',
]

async function names(bench: Bench): Promise<void> {
  const { world } = bench
  const broker = makeBroker(world)
  // what PostgreSQL would make of a name that is too long
  await bench.onShop(`create role ${'n'.repeat(63)} nologin`)
  bench.onClose(() => bench.onShop(`drop role ${'n'.repeat(63)}`))
  let exact = 0
  let refused = 0
  for (const [place, name] of [...TRAPS, ...REFUSED].entries()) {
    const isTrap = place < TRAPS.length
    if (isTrap) {
      const quoted = `"${name.replaceAll('"', '""')}"`
      await bench.onShop(
        `create role ${quoted} nologin; grant ${quoted} to ${world.shop.adminName} with admin option`,
      )
      bench.onClose(() => bench.onShop(`drop role ${quoted}`))
    }
    bench.injected = true
    const granted = await tryRole(bench, { name, place, broker })
    if (granted === undefined) {
      refused += 1
      assert.ok(!isTrap, `${JSON.stringify(name)} is a lawful name and was refused`)
      continue
    }
    exact += 1
    assert.deepEqual(granted, ['daypass_session', name].sort(), `asked for ${JSON.stringify(name)}`)
  }
  bench.note(`${String(exact)} exact, ${String(refused)} refused`)
  await bench.runOut((await listSessions(bench)).map(({ id }) => id))
  await broker.tick()
  await broker.tick()
  assert.deepEqual(await listOurRoles(world), [])
  await bench.sound()
}

/** The memberships that a session user got; undefined where it was refused. */
async function tryRole(
  bench: Bench,
  { name, place, broker }: { name: string; place: number; broker: ReturnType<typeof makeBroker> },
): Promise<string[] | undefined> {
  const { world } = bench
  const { organization } = world.scopes.mark
  const setUp = systemOrigin(organization, randomUUID(), 'set-up')
  try {
    await world.owner.change((tx) =>
      createRole(tx, setUp, {
        dataSourceId: world.dataSource.id,
        name: `trap${String(place)}`,
        databaseRole: name,
        approverGroupId: null,
        approvalsNeeded: 0,
        defaultMinutes: 30,
        maximumMinutes: 60,
      }),
    )
    const { id } = await requestSession(world.portal, world.scopes.mark, world.origins.mark, {
      dataSource: 'shop',
      roles: [`trap${String(place)}`],
      minutes: 30,
      justification: name.replaceAll('\u0000', '') || 'nothing',
    })
    await broker.tick()
    const session = await bench.look(id)
    if (session.state !== 'GRANTED') {
      await bench.runOut([id])
      return undefined
    }
    assert.match(session.username ?? '', /^dp_[a-z0-9_]{1,37}$/)
    const found = await bench.onShop<{ name: string }>(
      `select g.rolname as name
         from pg_auth_members m
         join pg_roles g on g.oid = m.roleid
         join pg_roles u on u.oid = m.member
        where u.rolname = $1
        order by g.rolname collate "C"`,
      [session.username],
    )
    return found.map((each) => each.name)
  } catch (error) {
    bench.note(`${JSON.stringify(name.slice(0, 12))}: ${sentenceOf(error).slice(-60)}`)
    return undefined
  }
}

function listSessions(bench: Bench) {
  return bench.onStore<{ id: Awaited<ReturnType<Bench['look']>>['id'] }>(
    `select id from sessions where ended_at is null`,
  )
}
