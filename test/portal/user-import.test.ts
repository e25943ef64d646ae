import assert from 'node:assert/strict'
import { createPerson } from '../../db/people.ts'
import { rows } from '../../db/store.ts'
import { openPortal, type Browser, type TestPortal } from '../support/portal.ts'
import { bodyOf, expectProblem } from '../support/problem.ts'
import { makeWorld, type World } from '../support/world.ts'

const HEAD =
  'Username,Name,E-mail,Portal User,Audit User,End sign-ins,Management Privilege,Expiration date'

interface Line {
  readonly line: number
  readonly outcome: string
  readonly username: string | null
  readonly changes: readonly { field: string; before: string; after: string }[]
  readonly mistakes: readonly { field: string | null; message: string }[]
}

describe('users from a CSV file', () => {
  let world: World
  let portal: TestPortal
  let admin: Browser

  before(async function () {
    this.timeout(60_000)
    world = await makeWorld()
    portal = await openPortal(world)
    admin = await portal.signedIn('admin')
  })

  after(async () => {
    await portal.close()
    await world.close()
  })

  it('says what each line would do, and does nothing of it', async () => {
    const before = await everybody()
    const lines = await dryRun(
      [
        HEAD,
        'ann.b,Ann B,ann@example.com,yes,no,no,Read Only,2199-01-31',
        'MARK,Mark Twain,,,,,,',
        'john,john,none,yes,no,no,None,never',
      ].join('\n'),
    )
    assert.deepEqual(
      lines.map(({ line, outcome, username, changes }) => [line, outcome, username, changes]),
      [
        [2, 'add', 'ann.b', []],
        [3, 'change', 'mark', [{ field: 'Name', before: 'mark', after: 'Mark Twain' }]],
        [4, 'same', 'john', []],
      ],
    )
    assert.deepEqual(await everybody(), before)
  })

  it('says at the cell what is wrong, and then imports nothing', async () => {
    await world.portal.change((tx) =>
      createPerson(tx, world.origins.admin, {
        username: 'robot',
        displayName: 'Robot',
        kind: 'service',
        passwordHash: null,
        portalUser: false,
        auditUser: false,
        managementPrivilege: 'none',
      }),
    )
    const file = [
      HEAD,
      'fine.one,Fine,,,,,,',
      'no spaces please,,,,,,,',
      'a1,,no address,,,,,',
      'a2,,,maybe,,,,',
      'a3,,,,,,Emperor,',
      'a4,,,,,,,2001-01-01',
      'a5,,,,,,,soon',
      `a6,${'x'.repeat(201)},,,,,,`,
      'Fine.One,,,,,,,',
      'a7,,,,,,,,more',
      ',nobody,,,,,,',
      'robot,Other,,,,,,',
      'admin,,,,,,None,',
    ].join('\n')
    const lines = await dryRun(file)
    assert.deepEqual(
      lines.flatMap(({ line, outcome, mistakes }) =>
        outcome === 'wrong' ? mistakes.map(({ field }) => [line, field]) : [],
      ),
      [
        [3, 'Username'],
        [4, 'E-mail'],
        [5, 'Portal User'],
        [6, 'Management Privilege'],
        [7, 'Expiration date'],
        [8, 'Expiration date'],
        [9, 'Name'],
        [10, 'Username'],
        [11, null],
        [12, null],
        [13, null],
        [14, 'Management Privilege'],
      ],
    )
    assert.equal(lines[0]?.outcome, 'add')
    const before = await everybody()
    const refused = await portal.api('admin').post('/users/import', { csv: file })
    assert.equal(refused.status, 422, refused.text)
    assert.match(refused.text, /line 4, E-mail/)
    assert.deepEqual(await everybody(), before)

    const page = await admin.post('/users/import', { csv: file }, '/users/import')
    assert.equal(page.status, 200)
    assert.match(page.text, /data-label="E-mail"><div>no address<p class="mistake">/)
    assert.doesNotMatch(page.text, /Import: add/)
    const forced = await admin.post('/users/import/confirmation', { csv: file }, '/users/import')
    assert.equal(forced.status, 409)
    assert.deepEqual(await everybody(), before)
  })

  it('says what is wrong with a file as a whole', async () => {
    const wrong: [string, RegExp][] = [
      ['Name\nx', /no column Username/],
      ['Username,Password\nx,y', /Passwords are not imported/],
      ['Username,Shoe size\nx,y', /no column &#34;Shoe size&#34;|no column \\"Shoe size\\"/],
      ['Username,username\nx,y', /two columns Username/],
      ['Username', /no line below/],
      ['Username\n"x', /Line 2/],
      [`Username\n${'x\n'.repeat(2001)}`, /2001 lines, and at most 2000/],
      [`Username\n${'x'.repeat(1_000_001)}`, /larger than 1 MB/],
    ]
    for (const [csv, sentence] of wrong) {
      const answer = await portal.api('admin').post('/users/import', { csv, dryRun: true })
      expectProblem(answer, 422, 'invalid_request', ['csv'])
      assert.match(answer.text, sentence)
      if (csv.length > 50_000) continue
      const page = await admin.post('/users/import', { csv }, '/users/import')
      assert.equal(page.status, 422)
      assert.match(page.text, sentence)
    }
    expectProblem(
      await portal.api('admin').post('/users/import', { csv: 'x'.repeat(2_200_000) }),
      413,
      'too_large',
    )
  })

  it('takes a file as a spreadsheet saves it, shows it, and imports it when it is confirmed', async () => {
    const file = `\ufeffUsername;Name;Management Privilege\r\n"zoë.x";wrong;\r\nzoe;"=HYPERLINK(""http://x"")";Read Only\r\naudrey;Audrey\u202e H.;\r\n`
    const wrong = await upload(Buffer.from(file))
    assert.equal(wrong.status, 200, wrong.text)
    const right = file.replace('"zoë.x";wrong;\r\n', '')
    const shown = await upload(Buffer.from(right))
    assert.equal(shown.status, 200, shown.text)
    assert.match(shown.text, /=HYPERLINK\(&#34;http:\/\/x&#34;\)/)
    assert.match(
      shown.text,
      /<del>audrey<\/del><span class="unseen"> to<\/span> <ins>Audrey\\u202e H\.<\/ins>/,
    )
    assert.match(shown.text, /Import: add 1 user, change 1 user/)
    const before = await trail()

    const done = await confirm(shown.text)
    assert.equal(done.status, 303, done.text)
    assert.equal(done.get('location'), '/users')
    assert.match((await admin.get('/users')).text, /1 user added, 1 user changed/)
    assert.deepEqual((await trail()).slice(before.length), [
      'user.created zoe admin',
      'user.name_changed audrey admin',
    ])
    const [zoe] = await rows<{ said: string }>(
      world.owner.db,
      `select concat_ws(' ', display_name, management_privilege, portal_user, password_hash is null) as said
         from people where username = 'zoe'`,
    )
    assert.equal(zoe?.said, '=HYPERLINK("http://x") read_only t t')

    const again = await upload(Buffer.from(right))
    assert.match(again.text, /nothing to import/)
    const utf16 = await upload(Buffer.from(right, 'utf16le'))
    assert.equal(utf16.status, 422)
    assert.match(utf16.text, /CSV UTF-8/)
  })

  it('does what was looked at, or nothing', async () => {
    const csv = 'Username,Name\njohn,Johnny\nlate.one,Late\n'
    const shown = await admin.post('/users/import', { csv }, '/users/import')
    await rows(world.owner.db, `update people set display_name = 'Jack' where username = 'john'`)
    const stale = await confirm(shown.text)
    assert.equal(stale.status, 409)
    assert.match(stale.text, /changed meanwhile/)
    assert.match(stale.text, /<del>Jack<\/del>/)
    assert.ok(!(await everybody()).some((one) => one.includes('late.one')))
    assert.equal((await confirm(stale.text)).status, 303)
    assert.ok((await everybody()).some((one) => one.includes('late.one')))
  })

  it('does all of a file or nothing, also where a name is taken elsewhere', async () => {
    await rows(
      world.owner.db,
      `with o as (insert into organizations (name, account_id) values ('Other', 'other-1') returning id)
       insert into people (organization_id, kind, username, display_name, portal_user)
       select id, 'person', 'elsewhere', 'Elsewhere', true from o`,
    )
    const before = await everybody()
    const taken = { csv: 'Username\nfirst.one\nelsewhere\n' }
    const answer = await portal.api('admin').post('/users/import', taken)
    expectProblem(answer, 422, 'invalid_request', ['line 3'])
    assert.deepEqual(await everybody(), before)

    const shown = await admin.post('/users/import', taken, '/users/import')
    const refused = await confirm(shown.text)
    assert.equal(refused.status, 409)
    assert.match(refused.text, /Line 3: This name is taken/)
    assert.deepEqual(await everybody(), before)
  })

  it('looks at two thousand lines, and imports as many as there are', async () => {
    const lines = Array.from(
      { length: 2000 },
      (_line, at) => `many.${String(at)},Many ${String(at)}`,
    )
    const shown = await dryRun(`Username,Name\n${lines.join('\n')}`)
    assert.ok(shown.length === 2000 && shown.every(({ outcome }) => outcome === 'add'))
    const csv = `Username,Name\n${lines.slice(0, 50).join('\n')}`
    const answer = await portal.api('admin').post('/users/import', { csv })
    assert.equal(answer.status, 200, answer.text)
    assert.deepEqual(bodyOf(answer)['counts'], { add: 50, change: 0, same: 0, wrong: 0 })
    assert.ok((await dryRun(csv)).every(({ outcome }) => outcome === 'same'))
  })

  it('is for admins, and no site of others can send one', async () => {
    const mark = await portal.signedIn('mark')
    const form = (cookie: string) =>
      mark
        .raw('post', '/users/import')
        .set('cookie', cookie)
        .attach('file', Buffer.from('Username\nx'), 'users.csv')
    assert.equal((await form(mark.cookie())).status, 403)
    assert.equal((await form(admin.cookie()).set('sec-fetch-site', 'cross-site')).status, 403)
    assert.equal((await form(admin.cookie()).set('sec-fetch-site', 'same-origin')).status, 403)
    const broken = admin
      .raw('post', '/users/import')
      .type('multipart/form-data; boundary=x')
      .send('--x\r\nnothing')
    assert.equal((await broken).status, 400)
    const template = await admin.get('/users/import/template')
    assert.match(template.get('content-disposition') ?? '', /users\.csv/)
    const [line] = await dryRun(template.text)
    assert.equal(line?.outcome, 'add')
  })

  async function dryRun(csv: string): Promise<readonly Line[]> {
    const answer = await portal.api('admin').post('/users/import', { csv, dryRun: true })
    assert.equal(answer.status, 200, answer.text)
    assert.equal(bodyOf(answer)['done'], false)
    return bodyOf(answer)['lines'] as Line[]
  }

  /** Chooses a file in the form, as a browser sends it. */
  async function upload(bytes: Buffer) {
    const { text } = await admin.get('/users/import')
    return admin
      .raw('post', '/users/import')
      .set('sec-fetch-site', 'same-origin')
      .field('_csrf', tokenOn(text))
      .field('csv', '')
      .attach('file', bytes, 'users.csv')
  }

  /** Presses the button of a preview. */
  async function confirm(page: string) {
    const hidden = (name: string): string => {
      const [, value] = new RegExp(`name="${name}" value="([^"]*)"`).exec(page) ?? []
      assert.ok(value !== undefined, `no ${name}`)
      return value.replaceAll('&#34;', '"').replaceAll('&#39;', "'").replaceAll('&amp;', '&')
    }
    return admin
      .raw('post', '/users/import/confirmation')
      .set('sec-fetch-site', 'same-origin')
      .field('_csrf', tokenOn(page))
      .field('csv', hidden('csv'))
      .field('seen', hidden('seen'))
  }

  function tokenOn(page: string): string {
    const [, token] = /name="_csrf" value="([^"]+)"/.exec(page) ?? []
    assert.ok(token)
    return token
  }

  async function everybody(): Promise<string[]> {
    const found = await rows<{ said: string }>(
      world.owner.db,
      `select concat_ws(' ', username, display_name, email, portal_user, management_privilege) as said
         from people order by username`,
    )
    return found.map(({ said }) => said)
  }

  async function trail(): Promise<string[]> {
    const found = await rows<{ said: string }>(
      world.owner.db,
      `select concat_ws(' ', action, cast(body as jsonb) -> 'subject' ->> 'name', actor_name) as said
         from records where action like 'user.%' order by seq`,
    )
    return found.map(({ said }) => said)
  }
})
