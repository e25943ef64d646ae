import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { workerData } from 'node:worker_threads'

// the thread that ships, which fails the first time that it is started on a folder
const { folder } = workerData as { folder: string }
const mark = join(folder, 'died-once')
if (!existsSync(mark)) {
  writeFileSync(mark, '')
  throw new Error('out of memory')
}
await import('../../proxy/journal/recording-worker.ts')
