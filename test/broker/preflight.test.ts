import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { rows } from '../../db/store.ts'
import { readAccessFacts } from '../../broker/preflight/direct-access.ts'
import { loginFindings } from '../../broker/preflight/findings.ts'
import { readLoginFacts } from '../../broker/sources/data-source-facts.ts'
import { getDataSource, onAddress } from '../../broker/sources/data-source.ts'
import { createDatabase, dropDatabase } from '../support/clusters.ts'
import { openRelay } from '../support/relay.ts'
import {
  LOOK,
  TRIAL,
  openPreflight,
  says,
  wrong,
  type PreflightBench,
} from '../support/preflight.ts'

describe('preflight', () => {
  let bench: PreflightBench

  before(async () => {
    bench = await openPreflight()
  })
  after(() => bench.close())

  it('finds nothing wrong where the broker can work, and leaves nothing behind', async () => {
    const source = await bench.look(TRIAL)
    const role = await bench.lookAt('orders_reader', TRIAL)

    assert.deepEqual(wrong(source), [])
    assert.deepEqual(wrong(role), [])
    assert.deepEqual(role.dangers, [])
    assert.ok(says(role, /^It can log in to database/))
    assert.ok(says(role, /^The trial user is gone again/))
    assert.equal(says(role, /can't become orders_reader by SET ROLE/), bench.version >= 160_000)
    assert.deepEqual(await bench.trials(), [])
  })

  it('finds nothing wrong with exactly the rights that the manual lists', async () => {
    const manual = await readFile(new URL('../../docs/preflight.md', import.meta.url), 'utf8')
    const [broker = '', lending = '', shared = ''] = sqlIn(manual)
    const name = `manual_${randomBytes(4).toString('hex')}`
    const sql = [broker, ...(bench.version >= 160_000 ? [lending, shared] : [])]
      .join('')
      .replaceAll('daypass_broker', name)
      .replaceAll('read_orders', 'orders_reader')
      .replaceAll('...', 'secret')
    await bench.onShop(sql)
    const url = new URL(bench.world.shop.adminUrl)
    url.username = name
    url.password = 'secret'
    await bench.setAdminUrl(url.href)
    const source = await bench.look(TRIAL)
    const role = await bench.lookAt('orders_reader', TRIAL)
    await bench.setAdminUrl(bench.world.shop.adminUrl)
    await bench.onShop(`drop owned by ${name}; drop role ${name}`)

    assert.deepEqual([...wrong(source), ...wrong(role)], [])
    assert.ok(says(role, /^It can log in to database/))
  })

  it('tries its own user where the password of the admin login holds an @', async () => {
    const name = `at_${randomBytes(4).toString('hex')}`
    await bench.onShop(`create role ${name} superuser login password 'p@ss@word'`)
    const { host } = new URL(bench.world.shop.adminUrl)
    await bench.setAdminUrl(`postgres://${name}:p@ss@word@${host}/${bench.world.shop.database}`)
    const { findings } = await bench.look(TRIAL)
    await bench.setAdminUrl(bench.world.shop.adminUrl)
    await bench.onShop(`drop owned by ${name}; drop role ${name}`)

    assert.deepEqual(
      wrong({ findings }).map(({ sentence }) => sentence),
      [
        `${name} is a superuser, which the broker does not need: give it a login that may only create roles.`,
      ],
    )
  })

  it('reads the rules of pg_hba in the order that the server goes by, included files too', async () => {
    const [{ file } = { file: '' }] = await bench.onShop<{ file: string }>(
      `select current_setting('hba_file') as file`,
    )
    const whole = await readFile(file, 'utf8')
    const nowhere = `host daypass_nowhere daypass_nobody 192.0.2.1/32 reject
host daypass_nowhere /^dp_ 192.0.2.1/32 reject\n`
    await writeFile(`${file}.daypass-test`, `${'#\n'.repeat(500)}${nowhere}`)
    // read for the view alone: nothing is loaded from it
    const included = `include ${basename(file)}.daypass-test\n`
    // before 16 files include no others
    const first = bench.version >= 160_000 ? included : nowhere
    await writeFile(file, `${first}${whole}`)
    try {
      const { rules } = await onAddress(
        {
          dataSource: await getDataSource(bench.world.broker, bench.world.dataSource.id),
          url: bench.world.shop.superuserUrl,
        },
        (target) => readAccessFacts(target, []),
      )
      assert.deepEqual(rules?.[0]?.users, ['daypass_nobody'])
      assert.deepEqual(rules[1]?.users, bench.version >= 160_000 ? ['/^dp_'] : [])
      assert.ok(rules.length > 2)
    } finally {
      await writeFile(file, whole)
      await rm(`${file}.daypass-test`)
    }
  })

  it('says that a server is older than it need be, and what becomes of prepared transactions', async () => {
    const facts = await bench.withTarget(async (target) => ({
      login: { ...(await readLoginFacts(target)), preparedTransactions: 5 },
      dataSource: target.dataSource,
    }))
    const notesOf = (version: number): string =>
      loginFindings({ version, dataSource: facts.dataSource }, facts.login)
        .filter(({ verdict }) => verdict === 'note')
        .map(({ sentence }) => sentence)
        .join(' ')

    for (const old of [150_018, 160_014, 170_010, 180_004]) assert.match(notesOf(old), /is old: /)
    for (const known of [150_020, 160_015, 170_011, 180_006, 190_001]) {
      assert.doesNotMatch(notesOf(known), /is old/)
    }
    assert.match(notesOf(150_020), /is 5: .* after SET ROLE stays/)
    assert.doesNotMatch(notesOf(160_015), /stays/)
  })

  it('names the right that the broker lacks, and running that mends it', async () => {
    const lacks: [take: string, remedy: RegExp][] = [
      [`alter role ${bench.login} nocreaterole`, /^alter role ".*" createrole;$/],
      [`revoke pg_signal_backend from ${bench.login}`, /^grant pg_signal_backend to ".*";$/],
      ...(bench.version >= 160_000
        ? ([
            [
              `revoke admin option for daypass_session from ${bench.login}`,
              /^grant "daypass_session" to ".*" with admin true, inherit false, set false;$/,
            ],
            [
              `revoke daypass_residue from ${bench.login}`,
              /^grant "daypass_residue" to ".*" with admin true, inherit true, set true;$/,
            ],
          ] satisfies [string, RegExp][])
        : []),
    ]
    for (const [take, remedy] of lacks) {
      await bench.onShop(take)
      const before = wrong(await bench.look(LOOK))
      assert.equal(before.length, 1, `${take}: ${JSON.stringify(before)}`)
      assert.match(before[0]?.remedy ?? '', remedy)
      await bench.mend(before)
      assert.deepEqual(wrong(await bench.look(TRIAL)), [], take)
    }
  })

  it('names what a role lacks, and running that mends it', async () => {
    const { database } = bench.world.shop
    await bench.withRole('lent', async (name) => {
      await bench.onShop(
        `create schema apart; create table apart.things (n integer);
         grant select on apart.things to ${name};
         revoke connect on database ${database} from public`,
      )
      const before = wrong(await bench.lookAt(name, TRIAL))
      const remedies = before.map(({ remedy }) => remedy)
      await bench.mend(before)
      const after = await bench.lookAt(name, TRIAL)
      await bench.onShop(
        `grant connect on database ${database} to public; drop schema apart cascade`,
      )

      // before 16, CREATEROLE alone is enough to lend any role
      const lending = `grant "${name}" to "${bench.login}" with admin true, inherit false, set false;`
      assert.deepEqual(remedies, [
        ...(bench.version >= 160_000 ? [lending] : []),
        `grant connect on database "${database}" to "${name}";`,
        `grant usage on schema "apart" to "${name}";`,
      ])
      assert.deepEqual(wrong(after), [])
    })
  })

  it('names the database that the broker may not connect to', async () => {
    const other = `o_${randomBytes(4).toString('hex')}`
    await bench.onShop(`create database ${other}`)
    await bench.onShop(`revoke connect on database ${other} from public`)
    const setDatabases = (databases: string[]) =>
      rows(bench.world.owner.db, 'update data_sources set databases = :databases', { databases })
    await setDatabases([bench.world.shop.database, other])
    const before = wrong(await bench.look(LOOK))
    const unseen = await bench.lookAt('orders_reader', LOOK)
    await bench.mend(before)
    const after = wrong(await bench.look(LOOK))
    const seen = await bench.lookAt('orders_reader', LOOK)
    await setDatabases([bench.world.shop.database, 'no such'])
    const missing = wrong(await bench.look(LOOK))
    await setDatabases([bench.world.shop.database])
    await bench.onShop(`drop database ${other}`)

    assert.deepEqual(
      before.map(({ remedy }) => remedy),
      [`grant connect on database "${other}" to "${bench.login}";`],
    )
    assert.deepEqual(after, [])
    assert.equal(unseen.dangers, undefined, 'what was found there before stays known')
    assert.deepEqual(seen.dangers, [])
    assert.deepEqual(
      missing.map(({ sentence }) => sentence),
      ['shop has no database no such.'],
    )
  })

  it('opens one connection after the other', async () => {
    const { world } = bench
    const other = await createDatabase(world.shop.cluster)
    const counted = await openRelay(world.shop.cluster.port)
    const url = new URL(world.shop.adminUrl)
    url.port = String(counted.port)
    await bench.setAdminUrl(url.href)
    const setDatabases = (databases: string[]) =>
      rows(world.owner.db, 'update data_sources set databases = :databases', { databases })
    await setDatabases([world.shop.database, other])
    const found = [await bench.look(TRIAL), await bench.lookAt('orders_reader', TRIAL)]
    await setDatabases([world.shop.database])
    await bench.setAdminUrl(world.shop.adminUrl)
    const { most } = counted
    counted.close()
    await dropDatabase(world.shop.cluster, other)

    for (const seen of found) assert.ok(says(seen, /^The trial user is gone again/))
    assert.equal(most, 1)
  })

  it('says that a role is not there', async () => {
    const { findings } = await bench.lookAt('no such', TRIAL)

    assert.deepEqual(wrong({ findings }), [
      { ok: false, verdict: 'failed', sentence: 'shop has no role "no such".' },
    ])
    assert.equal(await bench.faultOf('no such', true), 'shop has no role "no such" any more.')
  })

  it('removes what the trial of a broker that died left over, and only that', async () => {
    await bench.onShop(
      `create role dp_trial_0123456789ab login valid until '2020-01-01' in role daypass_session;
       create role dp_trial_ba9876543210 login valid until '2040-01-01' in role daypass_session;
       create role dp_trial_aaaaaaaaaaaa login valid until '2020-01-01' in role daypass_session;
       comment on role dp_trial_0123456789ab is 'daypass trial';
       comment on role dp_trial_ba9876543210 is 'daypass trial';
       comment on role dp_trial_aaaaaaaaaaaa is 'somebody else''s';
       grant dp_trial_0123456789ab, dp_trial_ba9876543210, dp_trial_aaaaaaaaaaaa to ${bench.login} with admin option`,
    )
    await bench.look(TRIAL)
    const left = await bench.trials()
    for (const name of left) await bench.onShop(`drop role ${name}`)

    assert.deepEqual(left, ['dp_trial_aaaaaaaaaaaa', 'dp_trial_ba9876543210'])
  })

  it('warns of a superuser as the broker, and of rights on the shared roles', async () => {
    await bench.onShop(
      `alter role ${bench.login} superuser; grant pg_read_server_files to daypass_session`,
    )
    const findings = wrong(await bench.look(LOOK))
    await bench.onShop(
      `alter role ${bench.login} nosuperuser; revoke pg_read_server_files from daypass_session`,
    )

    assert.deepEqual(
      findings.map(({ verdict }) => verdict),
      ['warning', 'failed'],
    )
    assert.match(findings[0]?.sentence ?? '', /is a superuser, which the broker does not need/)
    assert.match(findings[1]?.sentence ?? '', /^daypass_session must have no rights: every session/)
  })

  it('says when the data source does not answer, and knows no dangers then', async () => {
    const { findings, dangers } = await bench.lookAt('orders_reader', LOOK, 'nobody')

    assert.match(findings[0]?.sentence ?? '', /^shop can't be reached: /)
    assert.equal(dangers, undefined)
  })
})

/** The blocks of SQL in a page of the manual. */
function sqlIn(page: string): string[] {
  return [...page.matchAll(/```sql\n(.*?)```/gs)].map(([, sql]) => sql ?? '')
}
