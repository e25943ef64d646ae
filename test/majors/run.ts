import { spawn } from 'node:child_process'
import { chmod, copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { environmentWith } from '../../config.ts'
import { projectRoot } from '../../lib/project.ts'

/**
 * Runs every test of the broker and of the protocol once more for each older major, with that server
 * as the data source and the newest one as the store. `npm test` runs them on 18. Usage: npm run majors [-- 15 16]
 */
const MAJORS = ['15', '16', '17']
const TESTS = [
  'test/majors/*.majors.ts',
  'test/broker/**/*.test.ts',
  'test/proxy/conformance/*.test.ts',
]
/** A test that hangs must not hold up the majors behind it. */
const RUN_DEADLINE_MS = 10 * 60_000

const chosen = process.argv.slice(2).filter((argument) => argument !== '--')
const unknown = chosen.find((major) => !MAJORS.includes(major))
if (unknown !== undefined) {
  process.stderr.write(
    `There are no binaries of PostgreSQL ${unknown} here: choose ${MAJORS.join(', ')}.\n`,
  )
  process.exit(2)
}

// beside the checkout, because PostgreSQL's unprivileged account may not enter every checkout
const folder = await mkdtemp(path.join(tmpdir(), 'daypass-majors-'))
await chmod(folder, 0o755)
let failures = 0
try {
  for (const name of ['package.json', 'package-lock.json']) {
    await copyFile(path.join(projectRoot, 'test/majors/servers', name), path.join(folder, name))
  }
  await run('npm', ['ci', '--silent', '--prefix', folder], {})
  for (const major of chosen.length > 0 ? chosen : MAJORS) {
    process.stdout.write(`\n== PostgreSQL ${major} as data source\n`)
    const name = `postgresql-${major}-${process.platform}-${process.arch}`
    const environment = {
      DAYPASS_TEST_SOURCE_BIN: path.join(folder, 'node_modules', name, 'native/bin'),
      DAYPASS_TEST_SOURCE_MAJOR: major,
    }
    const code = await run('npx', ['--no-install', 'mocha', '--exit', ...TESTS], environment)
    if (code !== 0) failures += 1
  }
} finally {
  await rm(folder, { recursive: true, force: true })
}
process.exit(failures === 0 ? 0 : 1)

function run(
  command: string,
  args: readonly string[],
  more: Readonly<Record<string, string>>,
): Promise<number> {
  const child = spawn(command, args, {
    cwd: projectRoot,
    env: environmentWith(more),
    stdio: ['ignore', 'inherit', 'inherit'],
    timeout: RUN_DEADLINE_MS,
    killSignal: 'SIGKILL',
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code) => resolve(code ?? 1))
  })
}
