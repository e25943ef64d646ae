import { randomBytes } from 'node:crypto'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { chooseHome, EmbeddedPostgres } from '../db/embedded.ts'
import { migrate } from '../db/migrate.ts'
import { describeSchema } from '../db/schema-text.ts'
import { openStore } from '../db/store.ts'
import { projectRoot } from '../lib/project.ts'

// npm run schema: writes db/schema.sql anew. npm run schema -- --check: fails when it would differ.
const FILE = path.join(projectRoot, 'db', 'schema.sql')

const folder = mkdtempSync(path.join(tmpdir(), 'daypass-schema-'))
// as root the server runs as someone else, who must be able to pass
chmodSync(folder, 0o711)
const home = chooseHome({ dataDir: folder })
const server = new EmbeddedPostgres({
  dir: path.join(home.dir, 'store'),
  password: randomBytes(16).toString('hex'),
  binDir: home.binDir,
  ...(home.runAs === undefined ? {} : { runAs: home.runAs }),
  settings: { fsync: 'off' },
})
try {
  await server.start()
  await migrate(server.url())
  const store = openStore(server.url(), { poolSize: 1 })
  const text = await describeSchema(store.db)
  await store.close()
  if (!process.argv.includes('--check')) writeFileSync(FILE, text)
  else if (readFileSync(FILE, 'utf8') !== text) {
    console.error(
      'db/schema.sql is not what the migrations make: run npm run schema and look at the diff',
    )
    process.exitCode = 1
  }
} finally {
  await server.stop()
  for (const dir of [home.dir, folder]) rmSync(dir, { recursive: true, force: true })
}
