import { parentPort, workerData } from 'node:worker_threads'
import { publishRunning } from '../../db/running-statements.ts'
import { StatementCopy } from '../../db/statement-copy.ts'
import { highestNumbers } from '../../db/statement-log.ts'
import { openStore } from '../../db/store.ts'
import { sentenceOf } from '../../lib/errors.ts'
import type { Log } from '../../lib/log.ts'
import { publicBytesOf } from '../../lib/seal.ts'
import { isAlarming, raiseAlarms } from '../alarms.ts'
import { deliver } from './deliver.ts'
import { tellGaps } from './gaps.ts'
import type { WorkerOptions, WorkerSays } from './recording-messages.ts'
import type { RunningStatement } from './replay.ts'
import { Shipper } from './shipper.ts'

/** How often the numbers are told, in milliseconds. */
const STATS_MS = 250
/** How often the portal is told what runs, and how long something must have run to be told of. */
const RUNNING_MS = 1_000
const SHORTEST_MS = 300
const POOL_SIZE = 2

// the thread beside the relay: it reads the journal, makes statements of it and ships them
const options = workerData as WorkerOptions
const { folder, privateKey, progress, proxyId } = options
const store = openStore(options.storeUrl, { poolSize: POOL_SIZE })
const copy = new StatementCopy(options.storeUrl)
const log = logThroughParent()
const alarms = { db: store.db, log }
const publicKey = publicBytesOf(privateKey)
const delivery = { folder, publicKey, db: store.db, copy, log }
const shipper = new Shipper({
  folder,
  privateKey,
  progress,
  log,
  deliver: (batch) => deliver(delivery, batch),
  isAlarming,
  alarm: (statements) => raiseAlarms(alarms, statements),
  missing: (gaps) => tellGaps({ store, proxyId, log }, gaps),
  highestNumbers: (connections) => highestNumbers(store.db, connections),
  tidy: () => say({ kind: 'tidy' }),
})
shipper.start()
const telling = setInterval(() => say({ kind: 'stats', stats: shipper.stats }), STATS_MS)
let wasRunning: boolean | undefined
let isPublishing = false
/** The last try went well. */
let isTold = true
const publishing = setInterval(() => void publish(), RUNNING_MS)
// all that it can be told is to stop
parentPort?.on('message', () => void stop())

async function publish(): Promise<void> {
  const running = shipper.running(SHORTEST_MS)
  if (isPublishing || (running.length === 0 && wasRunning === false)) return
  isPublishing = true
  try {
    await publishRunning(store.db, proxyId, running.map(shownOf))
    wasRunning = running.length > 0
    isTold = true
  } catch (error) {
    // shown late is shown soon enough; of many in a row the first says it
    log[isTold ? 'warn' : 'debug']({ error: sentenceOf(error) }, 'what runs could not be told')
    isTold = false
  } finally {
    isPublishing = false
  }
}

function shownOf({ speaker, startedAt, ...statement }: RunningStatement) {
  return {
    connectionId: speaker.id,
    sessionId: speaker.session,
    organizationId: speaker.organization,
    number: statement.number,
    text: statement.text,
    textBytes: statement.cut?.bytes ?? Buffer.byteLength(statement.text),
    kind: statement.kind,
    startedAt: new Date(startedAt).toISOString(),
    rows: statement.rows,
    bytes: statement.bytes,
  }
}

async function stop(): Promise<void> {
  clearInterval(telling)
  clearInterval(publishing)
  const isShipped = await shipper.stop()
  await publish()
  const { stats } = shipper
  await Promise.all([copy.close(), store.close()])
  say({ kind: 'stopped', isShipped, stats })
  parentPort?.close()
}

function say(what: WorkerSays): void {
  parentPort?.postMessage(what)
}

/** One log for the process, in its order. */
function logThroughParent(): Log {
  const at =
    (level: keyof Log) =>
    (facts: object, sentence: string): void =>
      say({ kind: 'log', level, facts, sentence })
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}
