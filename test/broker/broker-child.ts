import { startBroker } from '../../broker/main.ts'
import { openStore } from '../../db/store.ts'
import { silentLog } from '../../lib/log.ts'
import { Shutdown } from '../../lib/shutdown.ts'

// a broker in a process of its own, for tests that kill it: store URL, master key in hex
const [, , url = '', masterKey = ''] = process.argv
await startBroker({
  config: { masterKey: Buffer.from(masterKey, 'hex'), partKey: undefined },
  store: openStore(url),
  log: silentLog,
  shutdown: new Shutdown(silentLog),
})
process.stdout.write('ready\n')
// with its parent gone nobody would end it
process.stdin.on('end', () => process.exit(1)).resume()
