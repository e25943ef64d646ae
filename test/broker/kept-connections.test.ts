import assert from 'node:assert/strict'
import { KeptConnections, type Keepable } from '../../broker/sources/kept-connections.ts'
import { readWorkNotice, workNotice } from '../../broker/scheduling/work-notices.ts'

class Line implements Keepable {
  alive = true
  closed = 0

  isAlive(): Promise<boolean> {
    return Promise.resolve(this.alive)
  }

  close(): Promise<void> {
    this.closed += 1
    return Promise.resolve()
  }
}

describe('connections kept for what comes in a row', () => {
  let kept: KeptConnections<Line>
  let lines: Line[]

  beforeEach(() => {
    kept = new KeptConnections<Line>()
    lines = []
  })
  afterEach(() => kept.close())

  const dial = (): Promise<Line> => {
    const line = new Line()
    lines.push(line)
    return Promise.resolve(line)
  }
  const use = (address = 'here', lane = 'other 1'): Promise<Line> =>
    kept.use(lane, { address, dial }, (line) => Promise.resolve(line))
  const ends = (): number[] => lines.map(({ closed }) => closed)

  it('are used again in their lane and in no other', async () => {
    const first = await use()
    assert.equal(await use(), first)
    assert.notEqual(await use('here', 'removal 1'), first)
    assert.deepEqual(ends(), [0, 0])
  })

  it('are closed and replaced once they broke or lead elsewhere', async () => {
    const first = await use()
    first.alive = false
    await use()
    await use('there')
    assert.deepEqual(ends(), [1, 1, 0])
  })

  it('are not kept after work that failed', async () => {
    const fails = kept.use('other 1', { address: 'here', dial }, () => {
      throw new Error('no')
    })
    await assert.rejects(fails, /no/)
    await use()
    assert.deepEqual(ends(), [1, 0])
  })

  it('are closed when their lane or the broker is done with them, also one in use at that time', async () => {
    await use()
    await kept.drop('other 1')
    await kept.use('other 1', { address: 'here', dial }, () => kept.close())
    assert.deepEqual(ends(), [1, 1])
  })
})

describe('a notice of work', () => {
  it('names what there is to do and where, and others name nothing', () => {
    assert.deepEqual(readWorkNotice(workNotice('removal', 'a-b')), {
      kind: 'removal',
      dataSourceId: 'a-b',
    })
    for (const other of [undefined, '', '68', 'grant', 'comparison a-b']) {
      assert.equal(readWorkNotice(other), undefined)
    }
  })
})
