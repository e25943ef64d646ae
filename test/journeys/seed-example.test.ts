import assert from 'node:assert/strict'
import pg from 'pg'
import { startInstall, type Install } from '../support/install.ts'
import { PersonApi, type Answer } from '../support/person-api.ts'
import { until } from '../support/until.ts'
import { Visitor } from '../support/visitor.ts'

interface Credential {
  readonly host: string
  readonly port: number
  readonly database: string
  readonly username: string
  readonly password: string
}

interface AuditRow {
  readonly state: string
  readonly scope: string
  readonly actor: string
  readonly requester: string
  readonly roles: string[]
  readonly username: string
  readonly start: string | null
  readonly end: string | null
  readonly dataSource: string
}

describe("journey: the seed's own example, from one command to the Audit tab", function () {
  this.timeout(120_000)

  let install: Install
  let shop: pg.Client
  const endings: (() => Promise<void>)[] = []
  const tokens: string[] = []
  const apis = new Map<string, PersonApi>()
  const visitors = new Map<string, Visitor>()
  let id = ''
  let uuid = ''
  let credential: Credential
  let spent: Credential

  before(async () => {
    install = await startInstall()
    endings.push(() => install.stop())
    shop = new pg.Client(install.accounts.dataSources[0]?.superuserUrl)
    await shop.connect()
    endings.push(() => shop.end())
    for (const { username, password } of install.accounts.people) {
      const visitor = new Visitor(install.portalUrl)
      const home = await visitor.signIn(username, password)
      assert.equal(home.status, 200)
      visitors.set(username, visitor)
      const made = await install.cli([
        'token',
        'create',
        '--user',
        username,
        '--name',
        'journey',
        '--json',
      ])
      assert.equal(made.code, 0, made.stderr)
      const { token } = JSON.parse(made.stdout) as { token: string }
      tokens.push(token)
      apis.set(username, new PersonApi(install.portalUrl, token))
    }
  })

  after(async () => {
    for (const end of endings.reverse()) await end()
  })

  it('1. Mark requests role1 and role3 and the session waits', async () => {
    const mark = as('mark')
    const form = await mark.get('/sessions/new')
    const page = await mark.submit(form, '/sessions', {
      dataSource: 'shop',
      roles: ['role1', 'role3'],
      minutes: '30',
      justification: 'Refund order 1207',
    })
    assert.equal(page.status, 200, page.html)
    id = /^\/sessions\/([0-9]+)$/.exec(page.url)?.[1] ?? ''
    assert.notEqual(id, '', page.url)
    const session = await api('mark', `/sessions/${id}`)
    assert.equal(session['state'], 'CREATED')
    assert.equal(session['username'], null)
    uuid = String(session['uuid'])
    const early = await post('mark', `/sessions/${id}/credential`, {})
    assert.equal(early.status, 409)
    assert.equal(early.body['code'], 'session_not_granted')
  })

  it('2. admin approves role3, and only role3', async () => {
    await approve('admin')
    const { roles } = await api('mark', `/sessions/${id}`)
    assert.deepEqual(statesOf(roles), { role1: 'PENDING', role3: 'APPROVED' })
  })

  it('3, 4, 5. john approves role1: approved, then granted with a user of its own', async () => {
    await approve('john')
    const session = await until('granted', async () => {
      const now = await api('mark', `/sessions/${id}`)
      return now['state'] === 'GRANTED' ? now : undefined
    })
    assert.match(String(session['username']), new RegExp(`^dp_mark_${id}_[a-z0-9]+$`))
  })

  it('makes a credential for its requester alone, and a new one ends the old', async () => {
    for (const other of ['john', 'admin', 'audrey']) {
      const answer = await post(other, `/sessions/${id}/credential`, {})
      assert.ok([403, 404].includes(answer.status), `${other}: ${String(answer.status)}`)
    }
    spent = (await post('mark', `/sessions/${id}/credential`, {})).body as unknown as Credential
    credential = (await post('mark', `/sessions/${id}/credential`, {}))
      .body as unknown as Credential
    assert.equal(credential.database, 'shop')
    await assert.rejects(connect(spent), { code: '28P01' })
  })

  it("runs what role1 and role3 may, with values, and nothing of role2's", async () => {
    const client = await connect(credential)
    try {
      const { rows } = await client.query<{ current_user: string; count: string }>(
        'select current_user, count(*) from orders group by 1',
      )
      assert.equal(rows[0]?.current_user, credential.username)
      assert.ok(Number(rows[0].count) > 1000)
      const updated = await client.query('update orders set status = $1 where id = $2', ['paid', 1])
      assert.equal(updated.rowCount, 1)
      await assert.rejects(client.query('select * from customers'), { code: '42501' })
    } finally {
      await client.end()
    }
  })

  it('refuses a wrong password like an unknown name', async () => {
    const wrong = await refusalOf({ ...credential, password: 'wrong' })
    const unknown = await refusalOf({ ...credential, username: 'dp_nobody_1_aaaaaa' })
    assert.equal(wrong.code, '28P01')
    assert.equal(unknown.code, '28P01')
    assert.equal(
      wrong.message.replace(credential.username, 'NAME'),
      unknown.message.replace('dp_nobody_1_aaaaaa', 'NAME'),
    )
  })

  it('shows every statement with its values, rows and errors soon', async () => {
    const statements = await until(
      'three statements',
      async () => {
        const answer = await api('mark', `/sessions/${id}/statements`)
        const found = answer['statements'] as Record<string, unknown>[]
        return found.length >= 3 ? found : undefined
      },
      10_000,
    )
    const seen = statements.map(({ text, values, sqlstate, outcome, tag }) => ({
      text,
      values,
      sqlstate,
      outcome,
      tag,
    }))
    assert.deepEqual(seen, [
      {
        text: 'select current_user, count(*) from orders group by 1',
        values: [],
        sqlstate: null,
        outcome: 'ok',
        tag: 'SELECT 1',
      },
      {
        text: 'update orders set status = $1 where id = $2',
        values: ['paid', '1'],
        sqlstate: null,
        outcome: 'ok',
        tag: 'UPDATE 1',
      },
      {
        text: 'select * from customers',
        values: [],
        sqlstate: '42501',
        outcome: 'error',
        tag: null,
      },
    ])
    const page = await as('mark').get(`/sessions/${id}`)
    assert.match(page.html, /update orders set status = \$1/)
  })

  it('6. Mark cancels: his connection ends with a sentence and nothing of the user is left', async () => {
    const client = await connect(credential)
    const ended = new Promise<Error & { code?: string }>((resolve) => client.on('error', resolve))
    const page = await as('mark').get(`/sessions/${id}`)
    await as('mark').submit(page, `/sessions/${id}/cancellation`, {})
    const said = await ended
    assert.equal(said.code, '57P01')
    assert.match(said.message, /cancel/i)
    await client.end().catch(() => undefined)

    const removed = await until('removed', async () => {
      const now = await api('mark', `/sessions/${id}`)
      return now['removedAt'] === null ? undefined : now
    })
    assert.equal(removed['state'], 'CANCELED')
    const { rows } = await shop.query<{ roles: string; backends: string; members: string }>(
      `select (select count(*) from pg_roles where rolname like 'dp\\_%') as roles,
              (select count(*) from pg_stat_activity where usename like 'dp\\_%') as backends,
              (select count(*) from pg_auth_members where not exists
                 (select from pg_roles where oid = member)) as members`,
    )
    assert.deepEqual(rows[0], { roles: '0', backends: '0', members: '0' })
    const { rows: left } = await shop.query(`select from pg_shdescription where description = $1`, [
      uuid,
    ])
    assert.equal(left.length, 0)
  })

  it('refuses the canceled user with the right secret by 28000', async () => {
    const refusal = await refusalOf(credential)
    assert.equal(refusal.code, '28000')
    assert.match(refusal.message, /cancel|ended|window/i)
  })

  it('left exactly the six rows of the seed in the trail, newest last', async () => {
    const answer = await api('audrey', `/audit?session=${id}`)
    const rows = (answer['records'] as AuditRow[]).toReversed()
    const username = credential.username
    const both = ['role1', 'role3']
    const shape = rows.map(({ state, scope, actor, roles, username: user }) => [
      state,
      scope,
      actor,
      [...roles].sort(),
      user,
    ])
    assert.deepEqual(shape, [
      ['CREATED', 'session', 'mark', both, 'TBD'],
      ['APPROVED', 'role', 'admin', ['role3'], 'TBD'],
      ['APPROVED', 'role', 'john', ['role1'], 'TBD'],
      ['APPROVED', 'session', 'john', both, 'TBD'],
      ['GRANTED', 'session', 'system', both, username],
      ['CANCELED', 'session', 'mark', both, username],
    ])
    for (const { scope, start, end, requester, dataSource } of rows) {
      assert.equal(requester, 'mark')
      assert.equal(dataSource, 'shop')
      assert.equal(start === null, scope === 'role')
      assert.equal(end === null, scope === 'role')
    }
  })

  it('shows and hands the trail to the auditor alone', async () => {
    assert.equal((await as('mark').get('/audit')).status, 404)
    const page = await as('audrey').get(`/audit?session=${id}`)
    assert.equal(page.status, 200)
    assert.equal(page.html.match(/data-scope="role"/g)?.length, 2)
    assert.equal(page.html.match(/data-record-id=/g)?.length, 6)
    assert.match(page.html, /Log Timestamp \(UTC/)
    const file = await as('audrey').get(
      `/audit/download?format=text&includeFilters=true&session=${id}`,
    )
    assert.equal(file.status, 200)
    assert.equal(
      file.html.split('\n').filter((line) => line.includes(credential.username)).length,
      2,
    )
  })

  it('keeps no secret in what it printed', () => {
    for (const secret of [credential.password, spent.password, ...tokens]) {
      assert.ok(!install.printed().includes(secret))
    }
  })

  function as(username: string): Visitor {
    const visitor = visitors.get(username)
    assert.ok(visitor, username)
    return visitor
  }

  async function approve(username: string): Promise<void> {
    const pending = await as(username).get('/approvals')
    assert.match(pending.html, new RegExp(`data-session-id="${id}"`))
    const page = await as(username).submit(pending, `/sessions/${id}/approval`, {})
    assert.equal(page.status, 200, page.html)
  }

  function api(username: string, path: string): Promise<Record<string, unknown>> {
    return apiOf(username).get(path)
  }

  function post(username: string, path: string, body: object): Promise<Answer> {
    return apiOf(username).post(path, body)
  }

  function apiOf(username: string): PersonApi {
    const found = apis.get(username)
    assert.ok(found, username)
    return found
  }
})

async function connect({
  host,
  port,
  database,
  username,
  password,
}: Credential): Promise<pg.Client> {
  const client = new pg.Client({ host, port, database, user: username, password })
  await client.connect()
  return client
}

async function refusalOf(credential: Credential): Promise<Error & { code?: string }> {
  return connect(credential).then(
    async (client) => {
      await client.end()
      throw new assert.AssertionError({ message: 'it let us in' })
    },
    (error: unknown) => {
      assert.ok(error instanceof Error)
      return error
    },
  )
}

function statesOf(roles: unknown): Record<string, string> {
  const list = roles as { name: string; state: string }[]
  return Object.fromEntries(list.map(({ name, state }) => [name, state]))
}
