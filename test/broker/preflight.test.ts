import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { derivePartKey, openingKey, publicBytesOf, seal } from '../../lib/seal.ts'
import { aboutAdminUrl } from '../../db/data-sources.ts'
import { rows } from '../../db/store.ts'
import {
  lendingFault,
  testDataSource,
  testRole,
  type Examination,
  type Finding,
} from '../../broker/preflight/preflight.ts'
import { readAccessFacts } from '../../broker/preflight/direct-access.ts'
import { readCarried } from '../../broker/preflight/dangers.ts'
import { getDataSource, onAddress } from '../../broker/sources/data-source.ts'
import { makeWorld, runOn, type World } from '../support/world.ts'

const TRIAL = { trial: true }
const LOOK = { trial: false }

describe('preflight', () => {
  let world: World
  let version: number
  let login: string

  before(async () => {
    world = await makeWorld()
    login = world.shop.adminName
    const [server] = await onShop<{ version: number }>(
      `select current_setting('server_version_num')::integer as version`,
    )
    version = server?.version ?? 0
  })
  after(() => world.close())

  it('finds nothing wrong where the broker can work, and leaves nothing behind', async () => {
    const source = await look(TRIAL)
    const role = await lookAt('orders_reader', TRIAL)

    assert.deepEqual(wrong(source), [])
    assert.deepEqual(wrong(role), [])
    assert.deepEqual(role.dangers, [])
    assert.ok(says(role, /^It can log in to database/))
    assert.ok(says(role, /^The trial user is gone again/))
    assert.equal(says(role, /can not become orders_reader by SET ROLE/), version >= 160_000)
    assert.deepEqual(await trials(), [])
  })

  it('finds nothing wrong with exactly the rights that the manual lists', async () => {
    const manual = await readFile(new URL('../../docs/preflight.md', import.meta.url), 'utf8')
    const [broker = '', lending = '', shared = ''] = sqlIn(manual)
    const name = `manual_${randomBytes(4).toString('hex')}`
    const sql = [broker, ...(version >= 160_000 ? [lending, shared] : [])]
      .join('')
      .replaceAll('daypass_broker', name)
      .replaceAll('read_orders', 'orders_reader')
      .replaceAll('...', 'secret')
    await onShop(sql)
    const url = new URL(world.shop.adminUrl)
    url.username = name
    url.password = 'secret'
    await setAdminUrl(url.href)
    const source = await look(TRIAL)
    const role = await lookAt('orders_reader', TRIAL)
    await setAdminUrl(world.shop.adminUrl)
    await onShop(`drop owned by ${name}; drop role ${name}`)

    assert.deepEqual([...wrong(source), ...wrong(role)], [])
    assert.ok(says(role, /^It can log in to database/))
  })

  it('tries its own user where the password of the admin login holds an @', async () => {
    const name = `at_${randomBytes(4).toString('hex')}`
    await onShop(`create role ${name} superuser login password 'p@ss@word'`)
    const { host } = new URL(world.shop.adminUrl)
    await setAdminUrl(`postgres://${name}:p@ss@word@${host}/${world.shop.database}`)
    const { findings } = await look(TRIAL)
    await setAdminUrl(world.shop.adminUrl)
    await onShop(`drop owned by ${name}; drop role ${name}`)

    assert.deepEqual(
      wrong({ findings }).map(({ sentence }) => sentence),
      [
        `${name} is a superuser, which the broker does not need: give it a login that may only create roles.`,
      ],
    )
  })

  it('reads the rules of pg_hba in the order that the server goes by, included files too', async function () {
    if (version < 160_000) return this.skip()
    const [{ file } = { file: '' }] = await onShop<{ file: string }>(
      `select current_setting('hba_file') as file`,
    )
    const whole = await readFile(file, 'utf8')
    const nowhere = 'host daypass_nowhere daypass_nobody 192.0.2.1/32 reject\n'
    await writeFile(`${file}.daypass-test`, `${'#\n'.repeat(500)}${nowhere}`)
    // read for the view alone: nothing is loaded from it
    await writeFile(file, `include ${basename(file)}.daypass-test\n${whole}`)
    try {
      const { rules } = await onAddress(
        {
          dataSource: await getDataSource(world.broker, world.dataSource.id),
          url: world.shop.superuserUrl,
        },
        (target) => readAccessFacts(target, []),
      )
      assert.deepEqual(rules?.[0]?.users, ['daypass_nobody'])
      assert.ok(rules.length > 1)
    } finally {
      await writeFile(file, whole)
      await rm(`${file}.daypass-test`)
    }
  })

  it('names the right that the broker lacks, and running that mends it', async () => {
    const lacks: [take: string, remedy: RegExp][] = [
      [`alter role ${login} nocreaterole`, /^alter role ".*" createrole;$/],
      [`revoke pg_signal_backend from ${login}`, /^grant pg_signal_backend to ".*";$/],
      [
        `alter role ${login} set default_transaction_read_only = on`,
        /^alter role ".*" set default_transaction_read_only = off;$/,
      ],
      ...(version >= 160_000
        ? ([
            [
              `revoke admin option for daypass_session from ${login}`,
              /^grant "daypass_session" to ".*" with admin true, inherit false, set false;$/,
            ],
            [
              `revoke daypass_residue from ${login}`,
              /^grant "daypass_residue" to ".*" with admin true, inherit true, set true;$/,
            ],
          ] satisfies [string, RegExp][])
        : []),
    ]
    for (const [take, remedy] of lacks) {
      await onShop(take)
      const before = wrong(await look(LOOK))
      assert.equal(before.length, 1, `${take}: ${JSON.stringify(before)}`)
      assert.match(before[0]?.remedy ?? '', remedy)
      await mend(before)
      assert.deepEqual(wrong(await look(TRIAL)), [], take)
    }
  })

  it('names what a role lacks, and running that mends it', async () => {
    const { database } = world.shop
    await withRole('lent', async (name) => {
      await onShop(
        `create schema apart; create table apart.things (n integer);
         grant select on apart.things to ${name};
         revoke connect on database ${database} from public`,
      )
      const before = wrong(await lookAt(name, TRIAL))
      const remedies = before.map(({ remedy }) => remedy)
      await mend(before)
      const after = await lookAt(name, TRIAL)
      await onShop(`grant connect on database ${database} to public; drop schema apart cascade`)

      // before 16, CREATEROLE alone is enough to lend any role
      const lending = `grant "${name}" to "${login}" with admin true, inherit false, set false;`
      assert.deepEqual(remedies, [
        ...(version >= 160_000 ? [lending] : []),
        `grant connect on database "${database}" to "${name}";`,
        `grant usage on schema "apart" to "${name}";`,
      ])
      assert.deepEqual(wrong(after), [])
    })
  })

  it('finds every danger, however many memberships away', async () => {
    const { database } = world.shop
    const stem = randomBytes(4).toString('hex')
    const dangers: [give: (role: string) => string, danger: RegExp][] = [
      [(role) => `alter role ${role} superuser`, /^superuser$/],
      [(role) => `alter role ${role} createrole`, /^may create roles$/],
      [(role) => `alter role ${role} createdb`, /^may create databases$/],
      [(role) => `alter role ${role} replication`, /^may replicate$/],
      [(role) => `alter role ${role} bypassrls`, /^passes row security$/],
      [(role) => `grant pg_execute_server_program to ${role}`, /^runs programs on the server/],
      [(role) => `grant pg_read_server_files to ${role}`, /^reads files of the server/],
      [(role) => `grant pg_write_server_files to ${role}`, /^writes files of the server/],
      ...(version >= 160_000
        ? ([
            [(role) => `grant pg_create_subscription to ${role}`, /^connects the server to other/],
          ] satisfies [(role: string) => string, RegExp][])
        : []),
      [
        (role) => `grant execute on function pg_read_file(text) to ${role}`,
        /^reads files of the server/,
      ],
      [
        (role) => `grant execute on function lo_export(oid, text) to ${role}`,
        /^writes files of the server/,
      ],
      [(role) => `grant pg_signal_backend to ${role}`, /^ends other people's connections/],
      [
        (role) => `grant customers_reader to ${role} with admin option`,
        /^may pass on customers_reader/,
      ],
      [
        (role) => `create table own_of (n integer); alter table own_of owner to ${role}`,
        /^owns 1 /,
      ],
      [(role) => `grant create on schema public to ${role}`, /^may create in schema public of/],
      [(role) => `grant create on database ${database} to ${role}`, /^may create schemas in/],
      [
        (role) => `grant alter system on parameter archive_command to ${role}`,
        /^alters the server's setting archive_command/,
      ],
    ]
    const names = dangers.map((_, index) => `mighty_${stem}_${String(index)}`)
    await onShop(
      dangers
        .map(([give], index) => {
          const name = names[index] ?? ''
          return `create role ${name}; create role ${name}_2 in role ${name};
                  create role ${name}_3 in role ${name}_2; ${give(name)}`
        })
        .join(';'),
    )
    const [near, far] = await withTarget(async (target) => [
      await readCarried(target, names),
      await readCarried(
        target,
        names.map((name) => `${name}_3`),
      ),
    ])
    const faults = await withTarget(async (target) => {
      const found: (string | undefined)[] = []
      for (const name of names) {
        found.push(await lendingFault(target, [{ databaseRole: `${name}_3`, dangerous: false }]))
      }
      return found
    })
    await onShop(
      `drop table own_of; ${names.map((name) => `drop owned by ${name}; drop role ${name}, ${name}_2, ${name}_3`).join(';')}`,
    )

    for (const [index, [, danger]] of dangers.entries()) {
      const name = names[index] ?? ''
      assert.match(near[index]?.dangers.join('\n') ?? '', danger)
      assert.equal(far[index]?.dangers.length, 1, String(danger))
      assert.match(far[index].dangers[0] ?? '', new RegExp(`through (${name}|pg_)`))
      assert.match(faults[index] ?? '', new RegExp(`^${name}_3 is too powerful to lend \\(`))
    }
  })

  it('refuses a danger until the definition owns up to it', async () => {
    await withRole('mighty', async (name) => {
      await onShop(`grant pg_read_all_data to ${name}; alter role ${name} createdb`)
      const plain = await lookAt(name, TRIAL)
      const fault = await faultOf(name, true)

      const verdicts = wrong(plain).map(({ verdict, sentence }) => `${verdict} ${sentence}`)
      assert.ok(
        verdicts.includes(`danger ${name} is too powerful to lend: may create databases.`),
        verdicts.join(),
      )
      assert.ok(verdicts.includes(`warning ${name} reads all data through pg_read_all_data.`))
      assert.ok(says(plain, /^No trial user was made/))
      assert.equal(fault, undefined)
    })
  })

  it('sees objects and rights in databases that it is not connected to', async () => {
    await withRole('owner', async (name) => {
      const other = `o_${randomBytes(4).toString('hex')}`
      await onShop(`create database ${other}`)
      const url = world.shop.cluster.superuserUrl(other)
      await runOn(url, `create table far (n integer); alter table far owner to ${name}`)
      const { dangers } = await lookAt(name, LOOK)
      const fault = await faultOf(name, false)
      await onShop(`drop database ${other}`)

      assert.deepEqual(dangers, [`owns 1 object(s) in database ${other}`])
      assert.match(fault ?? '', /owns 1 object/)
    })
  })

  it('names the database that the broker may not connect to', async () => {
    const other = `o_${randomBytes(4).toString('hex')}`
    await onShop(`create database ${other}`)
    await onShop(`revoke connect on database ${other} from public`)
    const setDatabases = (databases: string[]) =>
      rows(world.owner.db, 'update data_sources set databases = :databases', { databases })
    await setDatabases([world.shop.database, other])
    const before = wrong(await look(LOOK))
    const unseen = await lookAt('orders_reader', LOOK)
    await mend(before)
    const after = wrong(await look(LOOK))
    const seen = await lookAt('orders_reader', LOOK)
    await setDatabases([world.shop.database, 'no such'])
    const missing = wrong(await look(LOOK))
    await setDatabases([world.shop.database])
    await onShop(`drop database ${other}`)

    assert.deepEqual(
      before.map(({ remedy }) => remedy),
      [`grant connect on database "${other}" to "${login}";`],
    )
    assert.deepEqual(after, [])
    assert.equal(unseen.dangers, undefined, 'what was found there before stays known')
    assert.deepEqual(seen.dangers, [])
    assert.deepEqual(
      missing.map(({ sentence }) => sentence),
      ['shop has no database no such.'],
    )
  })

  it('does not hold against one role what another carries', async () => {
    await withRole('mighty', async (name) => {
      await onShop(`alter role ${name} createdb`)
      const fault = await withTarget((target) =>
        lendingFault(target, [
          { databaseRole: 'orders_reader', dangerous: false },
          { databaseRole: name, dangerous: true },
        ]),
      )
      assert.equal(fault, undefined)
    })
  })

  it('says that a role is not there', async () => {
    const { findings } = await lookAt('no such', TRIAL)

    assert.deepEqual(wrong({ findings }), [
      { ok: false, verdict: 'failed', sentence: 'shop has no role "no such".' },
    ])
    assert.equal(await faultOf('no such', true), 'shop has no role "no such" any more.')
  })

  it('removes what the trial of a broker that died left over, and only that', async () => {
    await onShop(
      `create role dp_trial_0123456789ab login valid until '2020-01-01' in role daypass_session;
       create role dp_trial_ba9876543210 login valid until '2040-01-01' in role daypass_session;
       create role dp_trial_aaaaaaaaaaaa login valid until '2020-01-01' in role daypass_session;
       comment on role dp_trial_0123456789ab is 'daypass trial';
       comment on role dp_trial_ba9876543210 is 'daypass trial';
       comment on role dp_trial_aaaaaaaaaaaa is 'somebody else''s';
       grant dp_trial_0123456789ab, dp_trial_ba9876543210, dp_trial_aaaaaaaaaaaa to ${login} with admin option`,
    )
    await look(TRIAL)
    const left = await trials()
    for (const name of left) await onShop(`drop role ${name}`)

    assert.deepEqual(left, ['dp_trial_aaaaaaaaaaaa', 'dp_trial_ba9876543210'])
  })

  it('warns of a superuser as the broker, and of rights on the shared roles', async () => {
    await onShop(`alter role ${login} superuser; grant pg_read_server_files to daypass_session`)
    const findings = wrong(await look(LOOK))
    await onShop(
      `alter role ${login} nosuperuser; revoke pg_read_server_files from daypass_session`,
    )

    assert.deepEqual(
      findings.map(({ verdict }) => verdict),
      ['warning', 'failed'],
    )
    assert.match(findings[0]?.sentence ?? '', /is a superuser, which the broker does not need/)
    assert.match(findings[1]?.sentence ?? '', /^daypass_session must have no rights: every session/)
  })

  it('says when the data source does not answer, and knows no dangers then', async () => {
    const { findings, dangers } = await lookAt('orders_reader', LOOK, 'nobody')

    assert.match(findings[0]?.sentence ?? '', /^shop can't be reached: /)
    assert.equal(dangers, undefined)
  })

  function deps() {
    const key = openingKey(derivePartKey(world.masterKey, 'broker'))
    return { store: world.broker, key }
  }

  function look(depth: { trial: boolean }): Promise<Examination> {
    return testDataSource(deps(), world.dataSource.id, { ...depth, roles: ['orders_reader'] })
  }

  async function lookAt(
    databaseRole: string,
    depth: { trial: boolean },
    lockedOut?: 'nobody',
  ): Promise<Examination> {
    if (lockedOut) await onShop(`alter role ${login} nologin`)
    try {
      const offered = { databaseRole, dangerous: false }
      return await testRole(deps(), world.dataSource.id, offered, depth)
    } finally {
      if (lockedOut) await onShop(`alter role ${login} login`)
    }
  }

  async function setAdminUrl(adminUrl: string): Promise<void> {
    const { id } = world.dataSource
    const key = publicBytesOf(openingKey(derivePartKey(world.masterKey, 'broker')))
    await rows(world.owner.db, 'update data_sources set admin_sealed = :sealed where id = :id', {
      id,
      sealed: seal(key, adminUrl, aboutAdminUrl(id)),
    })
  }

  function faultOf(databaseRole: string, dangerous: boolean): Promise<string | undefined> {
    return withTarget((target) => lendingFault(target, [{ databaseRole, dangerous }]))
  }

  async function withTarget<T>(work: Parameters<typeof onAddress<T>>[1]): Promise<T> {
    const dataSource = await getDataSource(world.broker, world.dataSource.id)
    return onAddress({ dataSource, url: world.shop.adminUrl }, work)
  }

  function onShop<Row extends Record<string, unknown>>(sql: string): Promise<Row[]> {
    return runOn<Row>(world.shop.superuserUrl, sql)
  }

  async function mend(findings: readonly Finding[]): Promise<void> {
    for (const { remedy } of findings) await onShop(remedy ?? '')
  }

  async function withRole(prefix: string, work: (name: string) => Promise<void>): Promise<void> {
    const name = `${prefix}_${randomBytes(4).toString('hex')}`
    await onShop(`create role ${name}`)
    await work(name)
    await onShop(`drop owned by ${name}`)
    await onShop(`drop role ${name}`)
  }

  async function trials(): Promise<string[]> {
    const found = await onShop<{ name: string }>(
      `select rolname as name from pg_roles where rolname like 'dp!_trial%' escape '!' order by 1`,
    )
    return found.map(({ name }) => name)
  }
})

/** The blocks of SQL in a page of the manual. */
function sqlIn(page: string): string[] {
  return [...page.matchAll(/```sql\n(.*?)```/gs)].map(([, sql]) => sql ?? '')
}

function wrong({ findings }: Pick<Examination, 'findings'>): Finding[] {
  return findings.filter(({ ok }) => !ok)
}

function says({ findings }: Examination, sentence: RegExp): boolean {
  return findings.some((each) => sentence.test(each.sentence))
}
