import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'

// the thread that ships, without a store: the file `behaviour` in its folder says how it is. `wedged`: it
// says something once and then hears nothing; `silent`: it says something once; else it tells its numbers
const { folder } = workerData as { folder: string }
const file = join(folder, 'behaviour')
const behaviour = existsSync(file) ? readFileSync(file, 'utf8') : ''
const stats = { waitingBytes: 7, lagMs: 5, shipped: 1, batches: 1, failures: 0 }
const tell = (): void => parentPort?.postMessage({ kind: 'stats', stats })

tell()
if (behaviour === 'wedged') for (;;);
if (behaviour !== 'silent') setInterval(tell, 50)
parentPort?.on('message', () => {
  parentPort?.postMessage({ kind: 'stopped', isShipped: false, stats })
  process.exit()
})
