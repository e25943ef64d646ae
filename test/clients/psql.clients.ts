import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { startInstall, type Install } from '../support/install.ts'

const run = promisify(execFile)

interface Credential {
  readonly host: string
  readonly port: number
  readonly database: string
  readonly username: string
  readonly password: string
  readonly url: string
  readonly psql: string
}

describe('psql through the proxy', () => {
  let install: Install
  let person: Record<string, string>
  let id = ''
  let credential: Credential

  before(async function () {
    this.timeout(200_000)
    install = await startInstall()
    const made = await install.cli([
      'token',
      'create',
      '--user',
      'mark',
      '--name',
      'psql',
      '--json',
    ])
    const { token } = JSON.parse(made.stdout) as { token: string }
    person = { DAYPASS_URL: install.portalUrl, DAYPASS_TOKEN: token }
    const asked = await install.cli(
      ['request', 'shop', '--role', 'role2', '--justification', 'Look up a customer', '--json'],
      person,
    )
    assert.equal(asked.code, 0, asked.stderr)
    id = (JSON.parse(asked.stdout) as { id: string }).id
    await granted()
    credential = await makeCredential()
  })

  after(() => install.stop())

  it('connects with the URL of the connection card', async () => {
    const { stdout } = await psql(credential.url, ['-Atc', 'select count(*) > 1000 from customers'])
    assert.equal(stdout.trim(), 't')
  })

  it('connects with the psql line of the card, pasted into a shell', async () => {
    const { stdout } = await run('sh', ['-c', `${credential.psql} -Atc 'select current_user'`], {
      env: { ...process.env, PGPASSWORD: credential.password },
    })
    assert.equal(stdout.trim(), credential.username)
  })

  it('runs a script with several statements, an error and a transaction', async () => {
    const script = 'begin; select 1; select 1/0; rollback; select 2 as two;'
    const { stdout, stderr } = await psql(credential.url, ['-At', '-f', '-'], script)
    assert.match(stderr, /division by zero/)
    assert.match(stdout, /\n2\n$/)
  })

  it('copies out and describes tables', async () => {
    const { stdout } = await psql(credential.url, [
      '-Atc',
      '\\copy (select id from customers order by id limit 3) to stdout',
    ])
    assert.equal(stdout, '1\n2\n3\n')
    const described = await psql(credential.url, ['-c', '\\d customers'])
    assert.match(described.stdout, /email/)
  })

  it('gets the same words for a refused table as without the proxy', async () => {
    const { stderr } = await psql(credential.url, ['-c', 'table orders'])
    assert.match(stderr, /ERROR: {2}permission denied for table orders/)
  })

  it('is refused with a wrong password', async () => {
    const url = new URL(credential.url)
    url.password = 'wrong'
    const { code, stderr } = await psql(url.href, ['-c', 'select 1'])
    assert.equal(code, 2)
    assert.match(stderr, /password authentication failed/)
  })

  it('opens by "daypass connect", which returns the code of psql', async () => {
    const good = await install.cli(['connect', id, '--', '-Atc', 'select 40 + 2'], person)
    assert.equal(good.code, 0, good.stderr)
    assert.equal(good.stdout, '42\n')
    const bad = await install.cli(['connect', id, '--', '-c', 'select nonsense'], person)
    assert.equal(bad.code, 1)
    credential = await makeCredential()
  })

  it('is told why when the session ends under it', async () => {
    const running = psql(credential.url, ['-c', 'select pg_sleep(30)'])
    await new Promise((resolve) => setTimeout(resolve, 700))
    const asked = Date.now()
    const canceled = await install.cli(['cancel', id], person)
    assert.equal(canceled.code, 0, canceled.stderr)
    const { code, stderr } = await running
    // asleep for 30 s otherwise; the command line takes its time too
    assert.ok(Date.now() - asked < 15_000, 'cut within the deadline')
    assert.equal(code, 2)
    assert.match(stderr, /FATAL: .*cancel/i)
  })

  it('shows the story to a script', async () => {
    const made = await install.cli([
      'token',
      'create',
      '--user',
      'audrey',
      '--name',
      'audit',
      '--json',
    ])
    const { token } = JSON.parse(made.stdout) as { token: string }
    const auditor = { ...person, DAYPASS_TOKEN: token }
    const { stdout, code } = await install.cli(
      ['audit', '--session', id, '--format', 'jsonl'],
      auditor,
    )
    assert.equal(code, 0)
    const states = stdout
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { state: string }).state)
    assert.deepEqual(states.toSorted(), ['APPROVED', 'APPROVED', 'CANCELED', 'CREATED', 'GRANTED'])
  })

  async function makeCredential(): Promise<Credential> {
    const answer = await fetch(`${install.portalUrl}/api/v1/sessions/${id}/credential`, {
      method: 'POST',
      headers: { authorization: `Bearer ${person['DAYPASS_TOKEN'] ?? ''}` },
    })
    assert.equal(answer.status, 200)
    return (await answer.json()) as Credential
  }

  async function granted(): Promise<void> {
    for (let tries = 0; tries < 50; tries += 1) {
      const { stdout } = await install.cli(['sessions', '--state', 'GRANTED', '--json'], person)
      if ((JSON.parse(stdout) as { sessions: { id: string }[] }).sessions.some((s) => s.id === id))
        return
    }
    assert.fail('never granted')
  }
})

async function psql(
  url: string,
  options: readonly string[],
  input = '',
): Promise<{ code: number; stdout: string; stderr: string }> {
  const running = run('psql', ['-X', ...options, url])
  running.child.stdin?.end(input)
  try {
    return { code: 0, ...(await running) }
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string }
    return { code, stdout, stderr }
  }
}
