import { spawn } from 'node:child_process'
import path from 'node:path'
import { environmentWith } from '../config.ts'
import { projectRoot } from '../lib/project.ts'

/** Runs one benchmark: `npm run bench -- broker --sessions 1000`. */
const BENCHES = ['audit', 'broker', 'proxy']

const [name = '', ...rest] = process.argv.slice(2)
if (!BENCHES.includes(name)) {
  console.error(`Say which benchmark: npm run bench -- ${BENCHES.join(' | ')}`)
  process.exit(2)
}
const program = path.join(projectRoot, 'bench', name, 'run.ts')
const child = spawn(process.execPath, ['--import', 'tsx', program, ...rest], {
  cwd: projectRoot,
  // what is measured writes to disk as a user's servers do
  env: environmentWith({ DAYPASS_TEST_DURABLE: 'true' }),
  stdio: 'inherit',
})
child.on('exit', (code) => process.exit(code ?? 1))
