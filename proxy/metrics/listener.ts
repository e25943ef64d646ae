import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import type { Address } from '../../lib/settings-reader.ts'
import { AppError, sentenceOf } from '../../lib/errors.ts'
import type { Log } from '../../lib/log.ts'
import type { Shutdown } from '../../lib/shutdown.ts'
import type { Sample } from './sample.ts'
import { METRICS_TYPE, metricsText } from './text.ts'

export interface MetricsDeps {
  readonly log: Log
  readonly shutdown: Shutdown
  /** How many processes there should be on the proxy's port. */
  readonly processes: number
  /** The numbers of those that answer. */
  readonly collect: () => Promise<readonly Sample[]>
}

/** A scraper asks in one short packet; whoever takes longer is not one. */
const REQUEST_MS = 5_000
const ASKERS_MOST = 16

/**
 * Answers GET /metrics in Prometheus' text format. There are numbers in it and no names, so nobody is
 * asked who they are; by default only this machine can ask. Errors: `metrics_cannot_listen`.
 */
export async function serveMetrics(
  { host, port }: Address,
  deps: MetricsDeps,
): Promise<{ readonly port: number }> {
  const server = createServer({ requestTimeout: REQUEST_MS }, (request, response) => {
    if (request.method !== 'GET' || request.url !== '/metrics') {
      response.writeHead(404).end()
      return
    }
    answer(deps).then(
      (text) => response.writeHead(200, { 'content-type': METRICS_TYPE }).end(text),
      (error: unknown) => {
        deps.log.error({ error: sentenceOf(error) }, 'metrics could not be collected')
        response.writeHead(500).end()
      },
    )
  })
  server.maxConnections = ASKERS_MOST
  await listen(server, { host, port })
  deps.shutdown.onClose('metrics', () => {
    server.close()
    server.closeAllConnections()
  })
  const address = server.address()
  const bound = address !== null && typeof address === 'object' ? address.port : port
  deps.log.info({ host, port: bound }, 'the metrics are served')
  return { port: bound }
}

async function answer({ collect, processes }: MetricsDeps): Promise<string> {
  return metricsText(await collect(), processes)
}

async function listen(server: Server, { host, port }: Address): Promise<void> {
  try {
    server.listen(port, host)
    await once(server, 'listening')
  } catch (cause) {
    throw new AppError(
      'metrics_cannot_listen',
      `The proxy's metrics can't be served on ${host}:${port} (${sentenceOf(cause)}): see DAYPASS_PROXY_METRICS_HOST and DAYPASS_PROXY_METRICS_PORT.`,
      { cause },
    )
  }
}
