import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import type { StatementRow } from '../../db/statement-log.ts'
import { derivePartKey, openingKey, publicBytesOf } from '../../lib/seal.ts'
import { setAside } from '../../proxy/journal/refused.ts'
import { addRefused } from '../../scripts/commands/refused.ts'

const SETTINGS = ['DAYPASS_MASTER_KEY', 'DAYPASS_PART_KEY', 'DAYPASS_DATA_DIR'] as const

describe('daypass refused', () => {
  const environment = { ...process.env }
  const folder = mkdtempSync(join(tmpdir(), 'daypass-refused-'))
  const masterKey = randomBytes(32)
  const partKey = derivePartKey(masterKey, 'proxy')

  before(() => {
    for (const text of ['select 1', `select 'ü'`]) {
      setAside(folder, publicBytesOf(openingKey(partKey)), { ...ROW, text })
    }
  })
  afterEach(() => {
    for (const name of SETTINGS) {
      const was = environment[name]
      if (was === undefined) Reflect.deleteProperty(process.env, name)
      else process.env[name] = was
    }
  })
  after(() => rmSync(folder, { recursive: true }))

  /** What the command prints; in this process, which costs no start of another. */
  async function printed(settings: Readonly<Record<string, string>>): Promise<string[]> {
    Object.assign(process.env, { DAYPASS_DATA_DIR: folder, ...settings })
    const program = new Command()
    addRefused(program)
    const { stdout } = process
    const write = stdout.write.bind(stdout)
    let out = ''
    stdout.write = (text: string | Uint8Array): boolean => {
      out += String(text)
      return true
    }
    try {
      await program.parseAsync(['refused', join(folder, 'statements.refused')], { from: 'user' })
    } finally {
      stdout.write = write
    }
    return out.trimEnd().split('\n')
  }

  for (const [name, key] of [
    ['DAYPASS_MASTER_KEY', masterKey],
    ['DAYPASS_PART_KEY', partKey],
  ] as const) {
    it(`prints what was set aside, with ${name}`, async () => {
      const lines = await printed({ [name]: key.toString('base64') })
      assert.deepEqual(
        lines.map((line) => (JSON.parse(line) as { text: string }).text),
        ['select 1', `select 'ü'`],
      )
    })
  }

  it('refuses without a key, and with another', async () => {
    await assert.rejects(printed({}), { code: 'key_missing' })
    const other = randomBytes(32).toString('base64')
    await assert.rejects(printed({ DAYPASS_PART_KEY: other }), { code: 'sealed_value_unreadable' })
  })
})

const ROW: StatementRow = {
  sessionId: '1',
  organizationId: 'nobody',
  connectionId: 'c',
  number: 1,
  part: 1,
  partOf: 1,
  kind: 'simple',
  text: '',
  textBytes: 0,
  textDigest: null,
  values: [],
  statementName: null,
  portalName: null,
  startedAt: 1_780_000_000_000,
  milliseconds: null,
  tag: null,
  rows: null,
  bytes: null,
  copyDigest: null,
  sqlstate: null,
  message: null,
  outcome: 'ok',
  transaction: null,
  rolledBack: false,
}
