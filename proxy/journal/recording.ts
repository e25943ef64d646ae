import type { KeyObject } from 'node:crypto'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { sentenceOf } from '../../lib/errors.ts'
import type { Log } from '../../lib/log.ts'
import { publicBytesOf } from '../../lib/seal.ts'
import { removeSegment } from './damage.ts'
import { Journal, type JournalOptions } from './journal.ts'
import type { WorkerIsTold, WorkerOptions, WorkerSays } from './recording-messages.ts'
import { segmentName, segmentNumbers } from './segments.ts'
import { removeSnapshot } from './snapshot.ts'
import type { ShippingStats } from './shipper.ts'

export interface RecordingOptions extends Pick<
  JournalOptions,
  'folder' | 'recording' | 'log' | 'unkept' | 'write' | 'sync'
> {
  readonly storeUrl: string
  readonly proxyId: string
  /** The proxy's own: it opens what the journal's keys are sealed with. */
  readonly key: KeyObject
  /** For tests: stands in for the thread that ships. */
  readonly worker?: URL
  /** For tests: how long the thread may be silent before another takes its place, in milliseconds. */
  readonly silenceMs?: number
}

/** How far the recording has come, and how its thread is. */
export interface RecordingStats extends ShippingStats {
  /** How long ago the thread told something, in milliseconds. */
  readonly silentMs: number
  /** Threads that took the place of one that had ended or was ended. */
  readonly restarts: number
}

/** A journal and the thread that ships what is in it. */
export interface Recording {
  readonly journal: Journal
  /** What waits as of now, also where the thread is silent; the rest as it told last. */
  readonly stats: () => RecordingStats
  /** Ships what is finished, within seconds, and removes the files if nothing has to wait. */
  readonly stop: () => Promise<void>
}

/** How long a worker that died stays away, in milliseconds. */
const RESTART_MS = 1_000
/** It tells its numbers four times a second: one that is silent for so long waits for nothing that ends. */
const SILENCE_MS = 60_000
/** A worker that is silent for longer than this is late: what it told last is not how things are. */
const LATE_MS = 1_000
/** How often it is looked at within its longest silence. */
const LOOKS = 12
/** The worker's own deadline is five seconds, and then it closes what it opened. */
const STOP_MS = 10_000
/** In dist, from source, and in a bundle: the same place with the same ending as this file. */
const WORKER = new URL(
  import.meta.url.endsWith('.ts') ? './recording-worker.ts' : './recording-worker.js',
  import.meta.url,
)

/** Opens the journal of one proxy and starts to ship, with what an earlier life left. */
export function startRecording(options: RecordingOptions): Recording {
  const { key, ...rest } = options
  const journal = new Journal({ ...rest, publicKey: publicBytesOf(key) })
  const crew = new ShippingThread(options, journal)
  return {
    journal,
    stats: () => crew.stats,
    stop: async () => {
      journal.commitOrKeep()
      const isShipped = await crew.stop()
      journal.close()
      if (isShipped) removeAll(options.folder)
    },
  }
}

function bytesIn(folder: string): number {
  const sizes = segmentNumbers(folder).map(
    (number) => statSync(join(folder, segmentName(number))).size,
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}

function removeAll(folder: string): void {
  removeSnapshot(folder)
  for (const number of segmentNumbers(folder)) removeSegment(join(folder, segmentName(number)))
}

/** What only grows, over all threads of a process. */
type Counts = Pick<ShippingStats, 'shipped' | 'batches' | 'failures'>

const NOTHING_COUNTED: Counts = { shipped: 0, batches: 0, failures: 0 }

function sumOf(one: Counts, other: Counts): Counts {
  return {
    shipped: one.shipped + other.shipped,
    batches: one.batches + other.batches,
    failures: one.failures + other.failures,
  }
}

/** Keeps a worker alive: while there is none the journal waits, and connections go on. */
class ShippingThread {
  readonly #journal: Journal
  readonly #log: Log
  readonly #data: WorkerOptions
  readonly #url: URL
  readonly #watch: NodeJS.Timeout
  #told: ShippingStats
  /** What threads that ended had counted. */
  #counted = NOTHING_COUNTED
  /** When the worker told something last, on performance.now's clock. */
  #toldAt = performance.now()
  /** The journal's count of bytes at that moment. */
  #writtenThen = 0
  /** Looks in a row that found it silent; a process that was frozen takes none, so it counts none. */
  #silentLooks = 0
  /** How many of them there may be: the first word may take as long as it ever may. */
  #looksMost = LOOKS
  readonly #looksAtFirst: number
  #restarts = 0
  #worker: Worker
  #restart: NodeJS.Timeout | undefined
  #isStopping = false
  #stopped: ((isShipped: boolean) => void) | undefined

  constructor(options: RecordingOptions, journal: Journal) {
    const { folder, storeUrl, proxyId, key, log, silenceMs = SILENCE_MS } = options
    this.#url = options.worker ?? WORKER
    this.#looksAtFirst = Math.ceil((LOOKS * SILENCE_MS) / silenceMs)
    this.#journal = journal
    this.#log = log
    const { progress } = journal
    this.#data = { folder, storeUrl, proxyId, privateKey: key, progress }
    // until it tells how much of it is in the store already
    const waitingBytes = bytesIn(folder)
    this.#told = { waitingBytes, lagMs: 0, ...NOTHING_COUNTED }
    this.#writtenThen = journal.bytesWritten
    this.#worker = this.#begin()
    this.#watch = setInterval(() => this.#look(), silenceMs / LOOKS).unref()
  }

  get stats(): RecordingStats {
    const silentMs = performance.now() - this.#toldAt
    const { waitingBytes, lagMs } = this.#told
    return {
      ...sumOf(this.#counted, this.#told),
      waitingBytes: waitingBytes + this.#journal.bytesWritten - this.#writtenThen,
      lagMs: silentMs > LATE_MS ? lagMs + silentMs : lagMs,
      silentMs,
      restarts: this.#restarts,
    }
  }

  /** True where everything is in the store. */
  async stop(): Promise<boolean> {
    this.#isStopping = true
    clearTimeout(this.#restart)
    clearInterval(this.#watch)
    const worker = this.#worker
    let timer: NodeJS.Timeout | undefined
    const isShipped = await new Promise<boolean>((resolve) => {
      this.#stopped = resolve
      timer = setTimeout(() => resolve(false), STOP_MS)
      worker.postMessage({ kind: 'stop' } satisfies WorkerIsTold)
      if (worker.threadId === -1) resolve(false)
    })
    clearTimeout(timer)
    await worker.terminate()
    return isShipped
  }

  #begin(): Worker {
    this.#silentLooks = 0
    this.#looksMost = this.#looksAtFirst
    const worker = startThread(this.#url, this.#data)
    worker.on('message', (said: WorkerSays) => this.#hear(said))
    worker.on('error', (error) => {
      this.#log.error({ error: sentenceOf(error) }, 'the shipping thread failed')
    })
    worker.on('exit', () => {
      this.#stopped?.(false)
      this.#counted = sumOf(this.#counted, this.#told)
      this.#told = { ...this.#told, ...NOTHING_COUNTED }
      if (this.#isStopping) return
      this.#restart = setTimeout(() => {
        this.#restarts += 1
        this.#worker = this.#begin()
      }, RESTART_MS)
    })
    return worker
  }

  #look(): void {
    this.#silentLooks += 1
    if (this.#silentLooks <= this.#looksMost) return
    this.#silentLooks = 0
    this.#log.error({ silentMs: this.stats.silentMs }, 'the shipping thread is silent: it is ended')
    // where it had ended already, its successor is on the way
    void this.#worker.terminate()
  }

  #hear(said: WorkerSays): void {
    if (said.kind === 'log') this.#log[said.level](said.facts, said.sentence)
    if (said.kind === 'tidy') this.#journal.tidy()
    if (said.kind === 'stats' || said.kind === 'stopped') this.#note(said.stats)
    if (said.kind === 'stopped') this.#stopped?.(said.isShipped)
  }

  #note(stats: ShippingStats): void {
    this.#told = stats
    this.#toldAt = performance.now()
    this.#writtenThen = this.#journal.bytesWritten
    this.#silentLooks = 0
    this.#looksMost = LOOKS
  }
}

/** From source, Node 20 does not let a thread read TypeScript as its parent does. */
function startThread(url: URL, data: WorkerOptions): Worker {
  if (!url.pathname.endsWith('.ts')) return new Worker(url, { workerData: data })
  const script = `import('tsx/esm/api').then(({ register }) => { register(); return import('${url.href}') })`
  return new Worker(script, { eval: true, workerData: data })
}
