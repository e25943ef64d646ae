import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { lendingFault } from '../../broker/preflight/preflight.ts'
import { readCarried } from '../../broker/preflight/dangers.ts'
import {
  LOOK,
  TRIAL,
  openPreflight,
  says,
  wrong,
  type PreflightBench,
} from '../support/preflight.ts'
import { runOn } from '../support/world.ts'

describe('what makes a role too powerful to lend', () => {
  let bench: PreflightBench

  before(async () => {
    bench = await openPreflight()
  })
  after(() => bench.close())

  it('finds every danger, however many memberships away', async () => {
    const { database } = bench.world.shop
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
      ...(bench.version >= 160_000
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
    await bench.onShop(
      dangers
        .map(([give], index) => {
          const name = names[index] ?? ''
          return `create role ${name}; create role ${name}_2 in role ${name};
                  create role ${name}_3 in role ${name}_2; ${give(name)}`
        })
        .join(';'),
    )
    const [near, far] = await bench.withTarget(async (target) => [
      await readCarried(target, names),
      await readCarried(
        target,
        names.map((name) => `${name}_3`),
      ),
    ])
    const faults = await bench.withTarget(async (target) => {
      const found: (string | undefined)[] = []
      for (const name of names) {
        found.push(await lendingFault(target, [{ databaseRole: `${name}_3`, dangerous: false }]))
      }
      return found
    })
    await bench.onShop(
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
    await bench.withRole('mighty', async (name) => {
      await bench.onShop(`grant pg_read_all_data to ${name}; alter role ${name} createdb`)
      const plain = await bench.lookAt(name, TRIAL)
      const fault = await bench.faultOf(name, true)

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
    await bench.withRole('owner', async (name) => {
      const other = `o_${randomBytes(4).toString('hex')}`
      await bench.onShop(`create database ${other}`)
      const url = bench.world.shop.cluster.superuserUrl(other)
      await runOn(url, `create table far (n integer); alter table far owner to ${name}`)
      const { dangers } = await bench.lookAt(name, LOOK)
      const fault = await bench.faultOf(name, false)
      await bench.onShop(`drop database ${other}`)

      assert.deepEqual(dangers, [`owns 1 object(s) in database ${other}`])
      assert.match(fault ?? '', /owns 1 object/)
    })
  })

  it('counts what triggers may be put on, but neither what is its own nor what everybody may', async () => {
    await bench.withRole('trigger', async (name) => {
      await bench.onShop(
        `create table seen_1 (n integer); create table seen_2 (n integer); create sequence seen_3;
         create view seen_4 as select 1; create materialized view seen_7 as select 1; create table seen_5 (n integer); create table own_6 (n integer);
         alter table own_6 owner to ${name}; grant select on own_6 to orders_reader;
         grant trigger on seen_1 to public; grant select, insert, update, delete on seen_1 to ${name};
         grant all on seen_2, seen_3, seen_4, seen_7 to ${name}; grant trigger on seen_5 to orders_writer;
         grant orders_writer to ${name}`,
      )
      const [mine, other] = await bench.withTarget((target) =>
        readCarried(target, [name, 'orders_reader']),
      )
      const fault = await bench.withTarget((target) =>
        lendingFault(target, [{ databaseRole: 'orders_writer', dangerous: false }]),
      )
      const { findings } = await bench.lookAt('orders_writer', LOOK)
      await bench.onShop(
        `drop view seen_4; drop materialized view seen_7; drop sequence seen_3; drop table seen_1, seen_2, seen_5`,
      )

      const of = `of database ${bench.world.shop.database}`
      assert.deepEqual(mine?.cautions, [
        `may put triggers on public.seen_2 and 1 more ${of}`,
        `may put triggers on public.seen_5 ${of} through orders_writer`,
      ])
      assert.deepEqual(mine.dangers, [`owns 1 object(s) ${of.replace('of', 'in')}`])
      assert.deepEqual(other?.cautions, [])
      // told by a test, and lent all the same
      assert.equal(fault, undefined)
      assert.deepEqual(
        findings.filter(({ verdict }) => verdict === 'warning').map(({ sentence }) => sentence),
        [`orders_writer may put triggers on public.seen_5 ${of}.`],
      )
    })
  })

  it('warns of the data source where everybody may put triggers, and its line mends that', async () => {
    await bench.onShop(`create schema "open"; create table "open".notes (n integer);
                        grant usage on schema "open" to public; grant all on "open".notes to public`)
    const found = wrong(await bench.look(LOOK))
    await bench.mend(found)
    const after = wrong(await bench.look(LOOK))
    await bench.onShop('drop schema "open" cascade')

    assert.deepEqual(
      found.map(({ verdict }) => verdict),
      ['warning'],
    )
    assert.match(
      found[0]?.sentence ?? '',
      /^Everybody may put triggers on 1 table in schema open of/,
    )
    assert.deepEqual(after, [])
  })

  it('does not hold against one role what another carries', async () => {
    await bench.withRole('mighty', async (name) => {
      await bench.onShop(`alter role ${name} createdb`)
      const fault = await bench.withTarget((target) =>
        lendingFault(target, [
          { databaseRole: 'orders_reader', dangerous: false },
          { databaseRole: name, dangerous: true },
        ]),
      )
      assert.equal(fault, undefined)
    })
  })
})
