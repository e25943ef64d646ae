import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { projectRoot } from '../../lib/project.ts'
import { until } from '../support/until.ts'

const PROGRAM = path.join('test', 'support', 'closing-process.ts')

describe('a process that a signal has told to end', () => {
  it('is not broken off by SIGTERM, however often it comes', async () => {
    const closing = await startClosing('SIGTERM')
    for (let more = 0; more < 3; more += 1) closing.signal('SIGTERM')
    assert.deepEqual(await closing.goOn(), { code: 0, signal: null })
  })

  it('takes one Ctrl-C for one, from wherever it comes a second time', async () => {
    const closing = await startClosing('SIGINT', ['SIGINT', 'SIGTERM'])
    assert.deepEqual(await closing.goOn(), { code: 0, signal: null })
  })

  it('ends at once with 130 when a person asks again', async () => {
    const closing = await startClosing('SIGTERM')
    await sleep(1_050)
    closing.signal('SIGINT')
    assert.deepEqual(await closing.ended(), { code: 130, signal: null })
  })
})

interface Ended {
  readonly code: unknown
  readonly signal: unknown
}

/** A process that closes since this signal, until it may go on; others it sends itself right after. */
async function startClosing(first: NodeJS.Signals, others: readonly NodeJS.Signals[] = []) {
  const child = spawn(process.execPath, ['--import', 'tsx', PROGRAM, ...others], {
    cwd: projectRoot,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  const gone = once(child, 'exit')
  const says = (what: string): Promise<unknown> =>
    until(what, () => Promise.resolve(text.includes(what) || child.exitCode !== null))
  const ended = async (): Promise<Ended> => {
    const [code, signal] = (await gone) as unknown[]
    return { code, signal }
  }
  await says('ready')
  child.kill(first)
  await says('closing')
  return {
    signal: (signal: NodeJS.Signals) => child.kill(signal),
    ended,
    goOn: async () => {
      child.kill('SIGUSR2')
      await says('heard')
      child.stdin.on('error', () => undefined).write('go on')
      return ended()
    },
  }
}
