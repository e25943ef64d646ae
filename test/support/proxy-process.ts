import { once } from 'node:events'
import { openStore } from '../../db/store.ts'
import { openLog } from '../../lib/log.ts'
import { Shutdown } from '../../lib/shutdown.ts'
import { startProxy } from '../../proxy/main.ts'

// A proxy in a process of its own, for tests that kill and freeze it; its secrets come over the channel.

interface Settings {
  readonly storeUrl: string
  readonly masterKey: string
  readonly dataDir: string
  readonly port: number
  /** Default: strict. */
  readonly recording?: 'prompt' | 'strict'
  /** Paths; without them there is no TLS. */
  readonly cert?: string
  readonly key?: string
}

const [settings] = (await once(process, 'message')) as [Settings]
// with its parent gone nobody would end it
process.on('disconnect', () => process.exit(1))
const { cert, key } = settings
const tls = cert !== undefined && key !== undefined ? { cert, key } : undefined
const log = openLog('proxy', 'info')
const { port } = await startProxy({
  config: {
    dataDir: settings.dataDir,
    masterKey: Buffer.from(settings.masterKey, 'hex'),
    partKey: undefined,
    recording: settings.recording ?? 'strict',
    proxy: { host: '127.0.0.1', port: settings.port, tls },
  },
  store: openStore(settings.storeUrl),
  log,
  shutdown: new Shutdown(log),
})
process.stdout.write(`ready ${String(port)}\n`)
