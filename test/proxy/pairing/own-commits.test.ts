import assert from 'node:assert/strict'
import { serialize } from 'pg-protocol'
import { commitsItself } from '../../../proxy/pairing/own-commits.ts'
import { dataSourceCluster } from '../../support/clusters.ts'
import { RecordedConnection } from '../../support/recorded-connection.ts'

const { bind, execute, parse, query, sync } = serialize

/** What an error behind it takes back, and what has committed by then, against a real server. */
describe('a statement in front of an error', () => {
  let connection: RecordedConnection

  before(async () => {
    connection = await RecordedConnection.open((await dataSourceCluster()).superuserUrl())
    await connection.ask('Z', query('create table own_commits (name text)'))
  })
  after(async () => {
    await connection.ask('Z', query('drop table own_commits'))
    connection.close()
  })

  /** Whether the record says that it was taken back, and whether it was. */
  async function rolledBack(said: readonly Buffer[], isThere: string): Promise<boolean[]> {
    const from = connection.finished.length
    await connection.ask('Z', ...said)
    const [first, second] = connection.finished.slice(from)
    assert.deepEqual([first?.outcome, second?.outcome], ['ok', 'error'])
    await connection.ask('Z', query(isThere))
    const last = connection.finished.at(-1)
    return [first?.rolledBack === true, last?.rows === 0]
  }
  const pipeline = (...texts: readonly string[]) => [
    ...texts.flatMap((text) => [parse({ text }), bind({}), execute({})]),
    sync(),
  ]
  const rowOf = (name: string) => `select from own_commits where name = '${name}'`
  const indexOf = (name: string) => `select from pg_class where relname = '${name}'`

  for (const name of ['reindex concurrently', 'create index concurrently x']) {
    const sql = `insert into own_commits values ('${name}')`
    it(`is taken back, whatever it says: ${name}`, async () => {
      const parts = [query(`${sql}; select 1/0`)]
      assert.deepEqual(await rolledBack(parts, rowOf(name)), [true, true])
      const batch = pipeline(sql, 'select 1/0')
      assert.deepEqual(await rolledBack(batch, rowOf(name)), [true, true])
    })
  }

  it('is taken back where another one, or a name, says the word', async () => {
    const many = [
      query(`create index oc_a on own_commits (name); select 1/0; drop index concurrently oc_a`),
    ]
    assert.deepEqual(await rolledBack(many, indexOf('oc_a')), [true, true])
    const named = pipeline('create index "concurrently" on own_commits (name)', 'select 1/0')
    assert.deepEqual(await rolledBack(named, indexOf('concurrently')), [true, true])
  })

  it('is not where it has committed by itself', async () => {
    const made = pipeline('CREATE INDEX CONCURRENTLY oc_b ON own_commits (name)', 'select 1/0')
    assert.deepEqual(await rolledBack(made, indexOf('oc_b')), [false, false])
    const again = pipeline('reindex index concurrently oc_b;', 'select 1/0')
    assert.deepEqual(await rolledBack(again, indexOf('oc_b')), [false, false])
  })

  for (const [tag, text, expected] of [
    ['REINDEX', 'reindex (verbose) database d', true],
    ['REINDEX', 'reindex /* all */ schema s', true],
    ['REINDEX', 'reindex table database', false],
    ['REINDEX', `reindex table t -- concurrently`, false],
    ['REINDEX', 'reindex (concurrently) table t', true],
    ['DROP INDEX', 'drop index concurrently if exists i', true],
    ['CREATE INDEX', `create index on t (a) where b = 'concurrently'`, false],
    ['VACUUM', 'vacuum', true],
    ['CREATE DATABASE', 'create database d', true],
    ['CREATE TABLE', 'create table t ()', false],
    [null, 'create index concurrently i on t (a)', false],
  ] as const) {
    it(`commits by itself or not: ${text}`, () => {
      assert.equal(commitsItself(tag, text), expected)
    })
  }
})
