import type { KeyObject } from 'node:crypto'
import { unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { sentenceOf } from '../../lib/errors.ts'
import type { Log } from '../../lib/log.ts'
import { publicBytesOf } from '../../lib/seal.ts'
import { Journal, type JournalOptions } from './journal.ts'
import type { WorkerIsTold, WorkerOptions, WorkerSays } from './recording-messages.ts'
import { segmentName, segmentNumbers } from './segments.ts'
import { removeSnapshot } from './snapshot.ts'
import type { ShippingStats } from './shipper.ts'

export interface RecordingOptions extends Pick<
  JournalOptions,
  'folder' | 'recording' | 'log' | 'write' | 'sync'
> {
  readonly storeUrl: string
  readonly proxyId: string
  /** The proxy's own: it opens what the journal's keys are sealed with. */
  readonly key: KeyObject
  /** For tests: stands in for the thread that ships. */
  readonly worker?: URL
}

/** A journal and the thread that ships what is in it. */
export interface Recording {
  readonly journal: Journal
  /** As of a moment ago. */
  readonly stats: () => ShippingStats
  /** Ships what is finished, within seconds, and removes the files if nothing has to wait. */
  readonly stop: () => Promise<void>
}

/** How long a worker that died stays away, in milliseconds. */
const RESTART_MS = 1_000
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

function removeAll(folder: string): void {
  removeSnapshot(folder)
  for (const number of segmentNumbers(folder)) unlinkSync(join(folder, segmentName(number)))
}

/** Keeps a worker alive: while there is none the journal waits, and connections go on. */
class ShippingThread {
  stats: ShippingStats = { waitingBytes: 0, lagMs: 0, shipped: 0, batches: 0, failures: 0 }
  readonly #journal: Journal
  readonly #log: Log
  readonly #data: WorkerOptions
  readonly #url: URL
  #worker: Worker
  #restart: NodeJS.Timeout | undefined
  #isStopping = false
  #stopped: ((isShipped: boolean) => void) | undefined

  constructor(options: RecordingOptions, journal: Journal) {
    const { folder, storeUrl, proxyId, key, log } = options
    this.#url = options.worker ?? WORKER
    this.#journal = journal
    this.#log = log
    const { progress } = journal
    this.#data = { folder, storeUrl, proxyId, privateKey: key, progress }
    this.#worker = this.#begin()
  }

  /** True where everything is in the store. */
  async stop(): Promise<boolean> {
    this.#isStopping = true
    clearTimeout(this.#restart)
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
    const worker = startThread(this.#url, this.#data)
    worker.on('message', (said: WorkerSays) => this.#hear(said))
    worker.on('error', (error) => {
      this.#log.error({ error: sentenceOf(error) }, 'the shipping thread failed')
    })
    worker.on('exit', () => {
      this.#stopped?.(false)
      if (this.#isStopping) return
      this.#restart = setTimeout(() => {
        this.#worker = this.#begin()
      }, RESTART_MS)
    })
    return worker
  }

  #hear(said: WorkerSays): void {
    if (said.kind === 'log') this.#log[said.level](said.facts, said.sentence)
    if (said.kind === 'tidy') this.#journal.tidy()
    if (said.kind === 'stats' || said.kind === 'stopped') this.stats = said.stats
    if (said.kind === 'stopped') this.#stopped?.(said.isShipped)
  }
}

/** From source, Node 20 does not let a thread read TypeScript as its parent does. */
function startThread(url: URL, data: WorkerOptions): Worker {
  if (!url.pathname.endsWith('.ts')) return new Worker(url, { workerData: data })
  const script = `import('tsx/esm/api').then(({ register }) => { register(); return import('${url.href}') })`
  return new Worker(script, { eval: true, workerData: data })
}
