import { once } from 'node:events'
import { InvalidArgumentError, type Command } from 'commander'
import type { Address } from '../../lib/settings-reader.ts'
import { print } from '../print.ts'
import { portOf, startTrace } from '../trace/relay.ts'

interface TraceFlags {
  readonly listen: number
  readonly to: Address
  readonly timestamps?: true
  readonly regress?: true
  readonly secrets?: true
}

const PORT_MOST = 65_535

/** trace: what a client and a server say to each other. */
export function addTrace(program: Command): void {
  program
    .command('trace')
    .description("print connections to a server in the format of libpq's PQtrace, until a signal")
    .requiredOption('--listen <port>', 'where clients connect, on 127.0.0.1', readPort)
    .requiredOption('--to <host:port>', 'the server, or the proxy', readAddress)
    .option('--timestamps', 'begin each line with the local time')
    .option('--regress', 'replace what differs from run to run, so that traces can be compared')
    .option('--secrets', 'print passwords and keys as they are')
    .action(trace)
}

async function trace(flags: TraceFlags): Promise<void> {
  const { listen, to, timestamps = false, regress = false, secrets = false } = flags
  const note = (sentence: string): void => void process.stderr.write(`${sentence}\n`)
  const server = await startTrace(listen, { to, timestamps, regress, secrets, print, note })
  note(`Tracing: connect to 127.0.0.1:${portOf(server)} in place of ${to.host}:${to.port}.`)
  const signals = new AbortController()
  await Promise.race([
    once(process, 'SIGINT', { signal: signals.signal }),
    once(process, 'SIGTERM', { signal: signals.signal }),
  ])
  signals.abort()
  // connections under way are not worth waiting for
  process.exit(0)
}

function readPort(text: string): number {
  const port = Number(text)
  if (Number.isInteger(port) && port >= 0 && port <= PORT_MOST) return port
  throw new InvalidArgumentError(`It must be a port from 0 to ${PORT_MOST}.`)
}

function readAddress(text: string): Address {
  const [, host, port] = /^(.+):([0-9]+)$/.exec(text) ?? []
  if (host === undefined || port === undefined) {
    throw new InvalidArgumentError('It must look like host:port.')
  }
  return { host: host.replace(/^\[(.*)\]$/, '$1'), port: readPort(port) }
}
