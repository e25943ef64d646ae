import cluster from 'node:cluster'
import { z } from 'zod'
import { AppError } from '../../lib/errors.ts'
import type { Log } from '../../lib/log.ts'
import type { Sought } from '../cancel.ts'
import { startProxy, type ProxyParts, type RunningProxy } from '../main.ts'
import { Line, type ChannelEnd } from './line.ts'

const PLACE = z.object({ number: z.number().int().positive(), of: z.number().int().positive() })
const SOUGHT = z.object({ id: z.string(), pid: z.number(), proof: z.string() })

/** Runs one of several processes on a port: its place and its siblings are reached by way of the first. */
export async function startMember(parts: ProxyParts): Promise<RunningProxy> {
  outliveThePrimary()
  const line = new Line(primary(parts.log), parts.log)
  line.answer('stop', () => process.emit('SIGTERM'))
  const place = PLACE.safeParse(await line.ask('place')).data
  if (place === undefined) throw new AppError('place_missing', 'This process was given no place.')
  const askSiblings = async (sought: Sought): Promise<boolean> =>
    (await line.ask('cancel', sought)) === true
  const running = await startProxy({ ...parts, place: { ...place, askSiblings } })
  line.answer('cancel', (about) => running.takeCancel(SOUGHT.parse(about)))
  line.answer('sample', () => running.sample())
  await line.ask('serving')
  return running
}

/**
 * Node ends a worker at once whose primary is gone. Ours have connections to end, statements to cancel
 * and a journal to close: the same as at SIGTERM, which closeOnSignals sees to.
 */
function outliveThePrimary(): void {
  if (cluster.worker) cluster.worker.exitedAfterDisconnect = true
}

function primary(log: Log): ChannelEnd {
  return {
    send: (message) => {
      process.send?.(message, undefined, undefined, (error) => {
        if (error) log.warn({ error: error.message }, 'the first process could not be asked')
      })
    },
    onMessage: (heard) => void process.on('message', heard),
  }
}
