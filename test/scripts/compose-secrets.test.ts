import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import { derivePartKey } from '../../lib/seal.ts'
import { projectRoot } from '../../lib/project.ts'

const run = promisify(execFile)
const SCRIPT = path.join(projectRoot, 'scripts/compose/secrets.sh')

describe("the compose file's secrets", () => {
  it("give each part the key that the master key's holder derives for it", async () => {
    const made = await secrets('--demo')
    const masterKey = Buffer.from(made.get('DAYPASS_MASTER_KEY') ?? '', 'base64')

    assert.equal(masterKey.length, 32)
    for (const part of ['portal', 'broker', 'proxy'] as const) {
      const key = made.get(`DAYPASS_${part.toUpperCase()}_KEY`)
      assert.equal(key, derivePartKey(masterKey, part).toString('base64'))
    }
  })

  it('differ from run to run and from one another', async () => {
    const values = [...(await secrets('')).values(), ...(await secrets('')).values()]
    assert.equal(new Set(values).size, values.length)
  })

  it('switch plain http on for the demo alone', async () => {
    assert.equal((await secrets('--demo')).get('DAYPASS_INSECURE_HTTP'), 'true')
    assert.equal((await secrets('')).has('DAYPASS_INSECURE_HTTP'), false)
  })
})

async function secrets(option: '' | '--demo'): Promise<Map<string, string>> {
  const { stdout } = await run('bash', [SCRIPT, ...(option === '' ? [] : [option])])
  const pairs = stdout.trim().split('\n')
  return new Map(pairs.map((line) => [line.slice(0, line.indexOf('=')), afterSign(line)]))
}

function afterSign(line: string): string {
  return line.slice(line.indexOf('=') + 1)
}
