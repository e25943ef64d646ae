import { openStore } from '../../db/store.ts'
import { openLog } from '../../lib/log.ts'
import { Shutdown } from '../../lib/shutdown.ts'
import { startProxy } from '../../proxy/main.ts'

// a proxy in a process of its own, for tests that kill it: store URL, master key in hex, data dir
const [, , url = '', masterKey = '', dataDir = ''] = process.argv
const log = openLog('proxy', 'warn')
const { port } = await startProxy({
  config: {
    dataDir,
    masterKey: Buffer.from(masterKey, 'hex'),
    partKey: undefined,
    recording: 'prompt',
    proxy: { host: '127.0.0.1', port: 0, tls: undefined },
  },
  store: openStore(url),
  log,
  shutdown: new Shutdown(log),
})
process.stdout.write(`${String(port)}\n`)
// with its parent gone nobody would end it
process.stdin.on('end', () => process.exit(1)).resume()
