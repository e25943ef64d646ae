import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { serialize } from 'pg-protocol'
import { dataSourceCluster } from '../../support/clusters.ts'
import { RecordedConnection } from '../../support/recorded-connection.ts'

const { bind, copyDone, execute, parse, query, sync } = serialize

/** Whose data is whose, when clients send it before they know that the server refuses it. */
describe('COPY in that fails, in a pipeline', () => {
  let connection: RecordedConnection

  beforeEach(async () => {
    const cluster = await dataSourceCluster()
    connection = await RecordedConnection.open(cluster.superuserUrl())
    await connection.ask('Z', query('create temp table t (a int)'))
  })
  afterEach(() => connection.close())

  const copies = () =>
    connection.finished
      .filter(({ kind }) => kind === 'copy in')
      .map(({ outcome, bytes, digest }) => [outcome, bytes, digest])

  it('does not take the data of the next COPY, which is under way, for its own', async () => {
    await connection.ask(
      'EZG',
      ...[query('copy t from stdin'), data('bad\n'), copyDone()],
      ...[query('copy t from stdin'), data('1\n')],
    )
    await connection.ask('Z', data('22\n'), copyDone())

    assert.deepEqual(copies(), [
      ['error', 4, digestOf('bad\n')],
      ['ok', 5, digestOf('1\n22\n')],
    ])
  })

  it('has what was sent before the server asked for it, and not what came behind the error', async () => {
    await connection.ask('E', ...copyExtended(), data('bad\n'))
    await connection.ask('Z', data('1\n'), copyDone(), sync())
    await connection.ask('G', query('copy t from stdin'))
    await connection.ask('Z', data('2\n'), copyDone())

    assert.deepEqual(copies(), [
      ['error', 4, digestOf('bad\n')],
      ['ok', 2, digestOf('2\n')],
    ])
  })

  it('has what was sent of a message whose end the server did not wait for', async () => {
    await connection.ask('G', query('copy t from stdin'))
    const [half, otherHalf] = [data('bad\nlong').subarray(0, 9), data('bad\nlong').subarray(9)]
    await connection.ask('EZ', data('1\n'), data('no\n'), half)
    await connection.ask('Z', otherHalf, copyDone(), query('select 1'))

    assert.deepEqual(copies(), [['error', 9, digestOf('1\nno\nbad\n')]])
    assert.equal(connection.finished.at(-1)?.outcome, 'ok')
  })
})

function copyExtended(): Buffer[] {
  return [parse({ text: 'copy t from stdin' }), bind(), execute()]
}

function data(text: string): Buffer {
  return serialize.copyData(Buffer.from(text))
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
