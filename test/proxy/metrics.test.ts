import assert from 'node:assert/strict'
import { silentLog } from '../../lib/log.ts'
import { Shutdown } from '../../lib/shutdown.ts'
import { Counters, DELAY_BOUNDS_MS } from '../../proxy/counters.ts'
import { serveMetrics } from '../../proxy/metrics/listener.ts'
import { sampleOf, type Sample } from '../../proxy/metrics/sample.ts'
import { metricsText } from '../../proxy/metrics/text.ts'
import { startProxies } from '../../proxy/processes/start.ts'
import { openStore } from '../../db/store.ts'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { clientOf, failureOf, GrantedWorld } from '../support/granted.ts'
import { until } from '../support/until.ts'

const RECORDING = { waitingBytes: 10, lagMs: 250, shipped: 3, silentMs: 61_500, restarts: 2 }

function sample(counters: Counters, process = 1): Sample {
  return sampleOf(counters, { process, connections: 2, recording: RECORDING })
}

describe('the proxy’s metrics', () => {
  it('say what was counted, of each process', () => {
    const counters = new Counters()
    counters.opened = 5
    counters.clientBytes = 100
    counters.serverBytes = 4_000
    counters.refusedWith('28P01')
    counters.refusedWith('28P01')
    counters.refusedWith('42P04')
    const text = metricsText([sample(counters, 2)], 2)
    for (const line of [
      'daypass_proxy_up{process="1"} 0',
      'daypass_proxy_up{process="2"} 1',
      'daypass_proxy_connections{process="2"} 2',
      'daypass_proxy_connections_opened_total{process="2"} 5',
      'daypass_proxy_connections_refused_total{process="2",reason="secret"} 2',
      'daypass_proxy_connections_refused_total{process="2",reason="other"} 1',
      'daypass_proxy_bytes_total{process="2",to="data_source"} 100',
      'daypass_proxy_bytes_total{process="2",to="client"} 4000',
      'daypass_proxy_journal_waiting_bytes{process="2"} 10',
      'daypass_proxy_shipper_lag_seconds{process="2"} 0.25',
      'daypass_proxy_shipper_silent_seconds{process="2"} 61.5',
      'daypass_proxy_shipper_restarts_total{process="2"} 2',
      'daypass_proxy_statements_shipped_total{process="2"} 3',
    ]) {
      assert.ok(text.includes(`\n${line}\n`), `${line} is missing in:\n${text}`)
    }
  })

  it('count a delay once in every bucket that it fits in', () => {
    const counters = new Counters()
    for (const milliseconds of [0.005, 0.01, 0.02, 3, 1_000]) counters.delayed(milliseconds)
    const text = metricsText([sample(counters)], 1)
    const buckets = [...text.matchAll(/_bucket\{process="1",le="([^"]+)"\} ([0-9]+)/g)].map(
      ([, le, count]) => [le, Number(count)] as const,
    )
    assert.equal(buckets.length, DELAY_BOUNDS_MS.length + 1)
    assert.deepEqual(buckets.slice(0, 3), [
      ['0.00001', 2],
      ['0.000025', 3],
      ['0.00005', 3],
    ])
    assert.deepEqual(buckets.slice(-2), [
      ['0.1', 4],
      ['+Inf', 5],
    ])
    assert.match(text, /_count\{process="1"\} 5\n/)
    const [, sum] = /_sum\{process="1"\} ([0-9.]+)/.exec(text) ?? []
    assert.ok(Math.abs(Number(sum) - 1.003035) < 1e-9)
  })

  it('keep to the text format: each name has one head, before its values', () => {
    const counters = new Counters()
    const text = metricsText([sample(counters, 1), sample(counters, 2)], 2)
    const seen = new Set<string>()
    let current = ''
    for (const line of text.trimEnd().split('\n')) {
      const [, head] = /^# TYPE ([a-z_]+) (?:counter|gauge|histogram)$/.exec(line) ?? []
      if (head !== undefined) {
        assert.ok(!seen.has(head), head)
        seen.add((current = head))
      } else if (!line.startsWith('# HELP ')) {
        assert.match(line, /^[a-z_]+\{[a-z]+="[^"\\]*"(,[a-z]+="[^"\\]*")*\} [0-9.e+-]+$/)
        assert.ok(line.startsWith(current), `${line} under ${current}`)
      }
    }
    assert.ok(seen.size > 10)
  })

  it('are served to GET /metrics alone', async () => {
    const shutdown = new Shutdown(silentLog)
    const { port } = await serveMetrics(
      { host: '127.0.0.1', port: 0 },
      { log: silentLog, shutdown, processes: 1, collect: () => Promise.resolve([]) },
    )
    const ask = (path: string, method = 'GET'): Promise<Response> =>
      fetch(`http://127.0.0.1:${String(port)}${path}`, { method })
    const answer = await ask('/metrics')
    assert.equal(answer.status, 200)
    assert.match(answer.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/)
    assert.match(await answer.text(), /^daypass_proxy_up\{process="1"\} 0$/m)
    assert.equal((await ask('/')).status, 404)
    assert.equal((await ask('/metrics', 'POST')).status, 404)
    await assert.rejects(
      serveMetrics(
        { host: '127.0.0.1', port },
        { log: silentLog, shutdown, processes: 1, collect: () => Promise.resolve([]) },
      ),
      /DAYPASS_PROXY_METRICS_PORT/,
    )
    await shutdown.close()
    await assert.rejects(ask('/metrics'))
  })
})

describe('a proxy that serves its metrics', () => {
  let world: GrantedWorld
  let shutdown: Shutdown
  let dataDir: string
  const ports = new Map<string, number>()

  before(async () => {
    world = await GrantedWorld.make()
    dataDir = await mkdtemp(path.join(tmpdir(), 'daypass-metrics-'))
    shutdown = new Shutdown(silentLog)
    const store = openStore(world.proxyUrl)
    shutdown.onClose('store', () => store.close())
    const log = {
      ...silentLog,
      info: (facts: object, sentence: string) => {
        if ('port' in facts) ports.set(sentence, Number(facts.port))
      },
    }
    await startProxies({
      config: {
        dataDir,
        masterKey: world.masterKey,
        partKey: undefined,
        recording: 'prompt',
        proxy: {
          host: '127.0.0.1',
          port: 0,
          tls: undefined,
          processes: 1,
          metrics: { host: '127.0.0.1', port: 0 },
        },
      },
      store,
      log,
      shutdown,
    })
  })

  after(async () => {
    await shutdown.close()
    await rm(dataDir, { recursive: true })
    await world.close()
  })

  async function metrics(): Promise<ReadonlyMap<string, number>> {
    const port = String(ports.get('the metrics are served'))
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
    const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
    return new Map(
      lines.map((line) => {
        const [name = '', value] = line.replace(/process="1",?/, '').split(' ')
        return [name.replace('{}', ''), Number(value)]
      }),
    )
  }

  it('counts connections, statements, bytes, delays, refusals and what was shipped', async () => {
    const granted = await world.grant()
    const proxyPort = ports.get('the proxy serves') ?? 0
    const client = clientOf(proxyPort, granted)
    await client.connect()
    const idle = await metrics()
    assert.equal(idle.get('daypass_proxy_connections'), 1)

    await client.query('select 1')
    await client.query('select $1::text', ['x'.repeat(10_000)])
    await client.query(`select repeat('y', 50000)`)
    const busy = await metrics()
    const grown = (name: string): number => (busy.get(name) ?? 0) - (idle.get(name) ?? 0)
    assert.equal(grown('daypass_proxy_statements_total'), 3)
    const [sent, answered] = [
      grown('daypass_proxy_bytes_total{to="data_source"}'),
      grown('daypass_proxy_bytes_total{to="client"}'),
    ]
    assert.ok(sent > 10_000 && sent < 11_000, String(sent))
    assert.ok(answered > 60_000 && answered < 62_000, String(answered))
    const delays = grown('daypass_proxy_delay_seconds_count')
    assert.ok(delays >= 3 && delays <= 10, String(delays))
    const seconds = grown('daypass_proxy_delay_seconds_sum')
    assert.ok(seconds > 0 && seconds < 1, String(seconds))
    await client.end()

    const stranger = clientOf(proxyPort, { ...granted, secret: 'wrong' })
    assert.equal((await failureOf(stranger.connect())).code, '28P01')
    await until('all of it shipped', async () => {
      const now = await metrics()
      return (
        now.get('daypass_proxy_statements_shipped_total') === 3 &&
        now.get('daypass_proxy_connections') === 0 &&
        now.get('daypass_proxy_connections_refused_total{reason="secret"}') === 1
      )
    })
    const lag = (await metrics()).get('daypass_proxy_shipper_lag_seconds') ?? 0
    assert.ok(lag > 0 && lag < 10, String(lag))
  })
})
