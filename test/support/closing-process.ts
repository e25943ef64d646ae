import { once } from 'node:events'
import { silentLog } from '../../lib/log.ts'
import { closeOnSignals, Shutdown } from '../../lib/shutdown.ts'

// A process that closes for as long as it is not told to go on, for tests that send it signals. It sends
// itself those of its arguments as soon as it has begun: from elsewhere they might come too late.

const shutdown = new Shutdown(silentLog)
shutdown.onClose('what takes its time', async () => {
  for (const signal of process.argv.slice(2)) process.kill(process.pid, signal)
  process.stdout.write('closing\n')
  await once(process.stdin.resume(), 'data')
})
closeOnSignals(shutdown)
// behind the signals sent before it
process.on('SIGUSR2', () => process.stdout.write('heard\n'))
// with its parent gone nobody would end it
process.stdin.on('end', () => process.exit(2)).resume()
process.stdout.write('ready\n')
