import { DELAY_BOUNDS_MS } from '../counters.ts'
import type { Sample } from './sample.ts'

/** One line's labels beside the process, and its value. */
type Point = readonly [labels: Readonly<Record<string, string>>, value: number]

interface Metric {
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  readonly points: (sample: Sample) => readonly Point[]
}

const DELAY = 'daypass_proxy_delay_seconds'

/** Whole names, so that a search for one ends here; docs/proxies.md lists them. */
const METRICS: readonly Metric[] = [
  gauge('daypass_proxy_connections', 'Connections open', ({ connections }) => connections),
  counter('daypass_proxy_connections_opened_total', 'Connections let in', ({ opened }) => opened),
  {
    name: 'daypass_proxy_connections_refused_total',
    type: 'counter',
    help: 'Connections refused, by reason',
    points: ({ refused }) => labelled('reason', refused),
  },
  counter(
    'daypass_proxy_statements_total',
    'Queries, executions and function calls passed on',
    ({ statements }) => statements,
  ),
  {
    name: 'daypass_proxy_bytes_total',
    type: 'counter',
    help: 'Bytes passed on, by where they went',
    points: ({ clientBytes, serverBytes }) =>
      labelled('to', { data_source: clientBytes, client: serverBytes }),
  },
  {
    name: 'daypass_proxy_cancels_total',
    type: 'counter',
    help: 'Cancel requests, by where their connection was found',
    points: ({ cancels }) => labelled('found', cancels),
  },
  {
    name: DELAY,
    type: 'histogram',
    help: "Seconds between the arrival of a client's bytes and their passing on",
    points: () => [],
  },
  gauge(
    'daypass_proxy_journal_waiting_bytes',
    'Bytes of the recording that wait on this disk for the store',
    ({ recording }) => recording.waitingBytes,
  ),
  gauge(
    'daypass_proxy_shipper_lag_seconds',
    'Seconds between the end of a statement and its arrival in the store, of the oldest that waits or the last',
    ({ recording }) => recording.lagMs / 1000,
  ),
  gauge(
    'daypass_proxy_shipper_silent_seconds',
    'Seconds since the thread that ships told how far it is; below 1 while it is well',
    ({ recording }) => recording.silentMs / 1000,
  ),
  counter(
    'daypass_proxy_shipper_restarts_total',
    'Threads that took the place of one that had ended or was silent for a minute',
    ({ recording }) => recording.restarts,
  ),
  counter(
    'daypass_proxy_statements_shipped_total',
    'Statements put into the store',
    ({ recording }) => recording.shipped,
  ),
  gauge('daypass_proxy_memory_bytes', 'Resident memory', ({ residentBytes }) => residentBytes),
  counter(
    'daypass_proxy_cpu_seconds_total',
    'Processor time, user and system',
    ({ cpuSeconds }) => cpuSeconds,
  ),
]

/** The media type of the text below (Prometheus, "Exposition formats"). */
export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** The numbers of so many processes, of which those answered that are among the samples. */
export function metricsText(samples: readonly Sample[], processes: number): string {
  const lines = METRICS.flatMap((metric) => [
    ...headOf(metric),
    ...samples.flatMap((sample) => linesOf(metric, sample)),
  ])
  return [...upLines(samples, processes), ...lines, ''].join('\n')
}

function upLines(samples: readonly Sample[], processes: number): string[] {
  const numbers = Array.from({ length: processes }, (_, index) => index + 1)
  return [
    ...headOf({ name: 'daypass_proxy_up', type: 'gauge', help: '1 for a process that answers' }),
    ...numbers.map((number) => {
      const isUp = samples.some(({ process }) => process === number)
      return line('daypass_proxy_up', { process: String(number) }, isUp ? 1 : 0)
    }),
  ]
}

function headOf({ name, type, help }: Pick<Metric, 'name' | 'type' | 'help'>): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`]
}

function linesOf({ name, type, points }: Metric, sample: Sample): string[] {
  if (type === 'histogram') return delayLines(sample)
  return points(sample).map(([labels, value]) => line(name, { ...own(sample), ...labels }, value))
}

/** Buckets are cumulative, and the last one is of everything. */
function delayLines(sample: Sample): string[] {
  const { delays, delaySumMs } = sample
  let count = 0
  const buckets = delays.map((more, index) => {
    count += more
    const bound = DELAY_BOUNDS_MS[index]
    const le = bound === undefined ? '+Inf' : String(bound / 1000)
    return line(`${DELAY}_bucket`, { ...own(sample), le }, count)
  })
  return [
    ...buckets,
    line(`${DELAY}_sum`, own(sample), delaySumMs / 1000),
    line(`${DELAY}_count`, own(sample), count),
  ]
}

function own({ process }: Sample): Record<string, string> {
  return { process: String(process) }
}

/** Labels are ours alone: none of them needs quoting. */
function line(name: string, labels: Readonly<Record<string, string>>, value: number): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${text}"`)
  return `${name}{${pairs.join(',')}} ${value}`
}

function labelled(label: string, values: Readonly<Record<string, number>>): Point[] {
  return Object.entries(values).map(([key, value]) => [{ [label]: key }, value])
}

function gauge(name: string, help: string, value: (sample: Sample) => number): Metric {
  return { name, type: 'gauge', help, points: (sample) => [[{}, value(sample)]] }
}

function counter(name: string, help: string, value: (sample: Sample) => number): Metric {
  return { name, type: 'counter', help, points: (sample) => [[{}, value(sample)]] }
}
