import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { rows } from '../../db/store.ts'
import { until } from '../support/until.ts'
import { assertRecorded, ThroughProxy } from './through-proxy.ts'

describe("libpq's programs through the proxy", () => {
  let proxy: ThroughProxy

  before(async () => {
    proxy = await ThroughProxy.start()
    await proxy.world.onShop(
      `insert into goods (name) select 'thing ' || n from generate_series(1, 100) n`,
    )
  })

  after(() => proxy.close())

  describe('psql', () => {
    it('copies both ways with \\copy, and the recording counts what went over', async () => {
      const granted = await proxy.world.grant()
      const file = await proxy.source('goods.tsv', 'anvil\nbell\ncandle\n')
      const printed = await proxy.output(
        granted,
        psql(
          `\\copy goods (name) from '${file}'`,
          `\\copy (select name from goods where name < 'c' order by name) to stdout`,
        ),
      )
      assert.equal(printed, 'COPY 3\nanvil\nbell\n')
      const recording = await proxy.recorded(granted, ({ kind }) => kind === 'copy out')
      assertRecorded(recording, /^COPY\s+goods \( ?name ?\) FROM STDIN/i, {
        kind: 'copy in',
        tag: 'COPY 3',
        bytes: 18,
      })
      assertRecorded(recording, /^COPY .*TO STDOUT/i, {
        kind: 'copy out',
        tag: 'COPY 2',
        bytes: 11,
      })
    })

    it('describes tables, and what it asks the catalog is recorded too', async () => {
      const granted = await proxy.world.grant()
      assert.match(await proxy.output(granted, psql('\\d goods')), /nextval\('goods_id_seq'/)
      const recording = await proxy.recorded(granted, ({ text }) => text.includes('pg_index'))
      assertRecorded(recording, /FROM pg_catalog\.pg_class/, { outcome: 'ok' })
    })

    it('hears what it LISTENs to', async () => {
      const granted = await proxy.world.grant()
      const printed = await proxy.output(
        granted,
        psql('listen bell;', `notify bell, 'ding';`, 'select 1;'),
      )
      assert.match(printed, /Asynchronous notification "bell" with payload "ding" received/)
      const recording = await proxy.recorded(granted, ({ text }) => text === 'select 1;')
      assertRecorded(recording, `notify bell, 'ding';`, { tag: 'NOTIFY' })
    })

    it('changes a password with \\password: not in the recording, but an alarm', async () => {
      const granted = await proxy.world.grant()
      const secret = 'nobody may read this'
      // without a terminal of its own it asks its standard input
      const { code, stdout } = await proxy.run(granted, {
        command: 'setsid',
        args: ['-w', 'psql', '-X', '-c', '\\password'],
        input: `${secret}\n${secret}\n`,
      })
      assert.equal(code, 0, stdout)
      const recording = await proxy.recorded(granted, ({ text }) => text.startsWith('ALTER USER'))
      const [change] = recording.filter(({ text }) => text.startsWith('ALTER USER'))
      assert.equal(change?.tag, 'ALTER ROLE')
      assert.doesNotMatch(change.text, /SCRAM-SHA-256\$/)
      await until('an alarm', async () => {
        const found = await rows(
          proxy.world.store.db,
          `select from alerts where session_id = :id and rule = 'password_changed'`,
          { id: granted.id },
        )
        return found.length === 1
      })
    })

    it('carries large objects there and back', async () => {
      const granted = await proxy.world.grant()
      const content = 'large '.repeat(20_000)
      const [from, to] = [await proxy.source('large', content), await proxy.source('larger', '')]
      await proxy.output(
        granted,
        psql(`\\lo_import '${from}'`, `\\lo_export :LASTOID '${to}'`, `select 'done'`),
      )
      assert.equal(await readFile(to, 'utf8'), content)
      const recording = await proxy.recorded(granted, ({ text }) => text === `select 'done'`)
      assert.ok(recording.filter(({ kind }) => kind === 'function call').length > 10)
    })

    it('fetches by pieces with FETCH_COUNT, and runs what \\gexec makes', async () => {
      const granted = await proxy.world.grant()
      const printed = await proxy.output(
        granted,
        psql(
          '\\set FETCH_COUNT 7',
          'select count(*) from (select * from goods limit 30) s;',
          'select id from goods order by id limit 20;',
          '\\unset FETCH_COUNT',
          `select 'select ' || n from generate_series(41, 42) n \\gexec`,
        ),
      )
      assert.match(printed, /41\n42\n$/)
      const recording = await proxy.recorded(granted, ({ text }) => text === 'select 42')
      assertRecorded(recording, 'select 41', { tag: 'SELECT 1', rows: 1 })
      assertRecorded(recording, /^FETCH FORWARD 7/, { tag: 'FETCH 7', rows: 7 })
    })
  })

  describe('pgbench', () => {
    const TRANSACTIONS = 40
    const CLIENTS = 2

    it('fills its tables', async () => {
      const granted = await proxy.world.grant()
      const { code, stderr } = await proxy.run(granted, { command: 'pgbench', args: ['-i', '-q'] })
      assert.equal(code, 0, stderr)
      const recording = await proxy.recorded(granted, ({ text }) =>
        text.includes('add primary key (aid)'),
      )
      assertRecorded(recording, /^copy pgbench_accounts from stdin/, {
        kind: 'copy in',
        tag: 'COPY 100000',
      })
      await proxy.world.onShop('grant all on all tables in schema public to public')
    })

    for (const mode of ['simple', 'extended', 'prepared']) {
      it(`runs ${mode} queries, each one recorded`, async () => {
        const granted = await proxy.world.grant()
        const { code, stderr } = await proxy.run(granted, {
          command: 'pgbench',
          args: ['-n', '-M', mode, '-c', String(CLIENTS), '-t', String(TRANSACTIONS)],
        })
        assert.equal(code, 0, stderr)
        const recording = await until('all recorded', async () => {
          const found = await proxy.recorded(granted, () => true)
          return found.filter(({ text }) => text.startsWith('END')).length ===
            CLIENTS * TRANSACTIONS
            ? found
            : undefined
        })
        const updates = recording.filter(({ text }) => text.startsWith('UPDATE pgbench_accounts'))
        assert.equal(updates.length, CLIENTS * TRANSACTIONS)
        for (const { values, tag, rows: changed, outcome } of updates) {
          assert.deepEqual(
            [values.length, tag, changed, outcome],
            [mode === 'simple' ? 0 : 2, 'UPDATE 1', 1, 'ok'],
          )
        }
      })
    }

    it('pipelines', async () => {
      const granted = await proxy.world.grant()
      const selects = Array.from({ length: 10 }, (_, n) => `select :a + ${n};`)
      const script = await proxy.source(
        'pipeline.sql',
        ['\\set a random(1, 1000)', '\\startpipeline', ...selects, '\\endpipeline'].join('\n'),
      )
      const { code, stderr } = await proxy.run(granted, {
        command: 'pgbench',
        args: ['-n', '-M', 'prepared', '-t', '20', '-f', script],
      })
      assert.equal(code, 0, stderr)
      await until('all recorded', async () => {
        const found = await proxy.recorded(granted, () => true)
        return (
          found.filter(({ tag, text }) => tag === 'SELECT 1' && text.startsWith('select $1'))
            .length === 200
        )
      })
    })
  })
})

function psql(...commands: readonly string[]): { command: string; args: string[]; input: string } {
  return {
    command: 'psql',
    args: ['-X', '-At', '-v', 'ON_ERROR_STOP=1'],
    input: `${commands.join('\n')}\n`,
  }
}
