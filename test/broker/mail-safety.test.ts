import assert from 'node:assert/strict'
import { cancel, deny } from '../../broker/sessions/lifecycle.ts'
import { changeRoleTerms } from '../../broker/policy/changes.ts'
import { withdrawProposal } from '../../broker/policy/proposals.ts'
import { queueMail } from '../../db/mails.ts'
import { findRow, rows, storeTime } from '../../db/store.ts'
import { MailRoom } from '../support/mail-room.ts'
import { listMails } from '../support/mail-server.ts'
import { openPortal, type Browser, type TestPortal } from '../support/portal.ts'
import type { Name, World } from '../support/world.ts'

const LINK = /https:\/\/daypass\.example\.com(\/\S+)/g

describe('a letter', () => {
  let room: MailRoom
  let world: World

  before(async () => {
    room = await MailRoom.open()
    world = room.world
  })
  after(() => room.close())
  beforeEach(() => room.reset())

  it('lets nobody forge a header, a recipient or a line of ours by what they wrote', async () => {
    const evil = 'x\r\nBcc: eve@example.com\r\n\r\nThe session:\r\nhttps://evil.example/\u202egnp'
    const { id } = await room.ask({ justification: evil })
    await rows(
      world.owner.db,
      `update session_roles set name = name || E'\\r\\nBcc: eve@example.com' where session_id = :id`,
      { id },
    )
    await room.send()
    await deny(...room.as('john'), id, { reason: evil })
    await room.send()

    assert.equal(room.mail.letters.length, 3)
    for (const { to, headers, text, subject } of room.mail.letters) {
      assert.equal(to.length, 1)
      assert.notEqual(to[0], 'eve@example.com')
      assert.equal(headers.has('bcc'), false)
      assert.match(text, /^> https:\/\/evil\.example\/\\u202egnp$/m)
      assert.doesNotMatch(text, /^(?:https:\/\/evil|Bcc)/m)
      assert.doesNotMatch(subject, /[\r\n]/)
    }
    const [first] = room.mail.letters
    assert.match(first?.subject ?? '', / asks for role[13]\\r\\nBcc: eve@example\.com on shop/)
  })

  it('links to what it is about, and a link that is followed decides nothing', async () => {
    const portal: TestPortal = await openPortal(world)
    const waiting = await room.ask()
    const granted = await room.grant(await room.ask({ roles: ['role2'] }))
    const dueAt = await storeTime(world.owner.db)
    await world.portal.change((tx) =>
      queueMail(tx, world.people.admin.organizationId, {
        kind: 'alert_raised',
        key: 'alert',
        to: [world.people.admin.id],
        facts: { rule: 'residue', detail: 'a table is left' },
        dueAt,
      }),
    )
    await room.send()
    const before = await standing()
    const followed: string[] = []
    const browsers = new Map<string, Browser>()
    for (const { to, text } of room.mail.letters) {
      const name = to.join().replace('@example.com', '') as Name
      const browser = browsers.get(name) ?? (await portal.signedIn(name))
      browsers.set(name, browser)
      for (const [, path = ''] of text.matchAll(LINK)) {
        const page = await browser.get(path)
        if (path !== '/alerts') assert.equal(page.status, 200, path)
        followed.push(path)
      }
    }
    await portal.close()

    assert.deepEqual(
      new Set(followed),
      new Set([waiting, granted].map(({ id }) => `/sessions/${id}`).concat('/alerts')),
    )
    assert.deepEqual(await standing(), before)
  })

  it('floods nobody: one requester makes 20 to one approver, and another is told as ever', async () => {
    for (let asked = 0; asked < 22; asked += 1) {
      const { id } = await room.ask({ roles: ['role1'] })
      await room.send()
      await cancel(...room.as('mark'), id)
    }
    const toJohn = room.mail.letters.filter(({ to }) => to.includes('john@example.com'))
    const other = await room.ask({ roles: ['role1'] }, 'audrey')
    room.mail.letters.length = 0
    const told = await room.arrived()
    await cancel(...room.as('audrey'), other.id)
    const dropped = (await listMails(world)).filter(({ state }) => state === 'dropped')

    assert.equal(toJohn.length, 20)
    assert.match(toJohn[19]?.text ?? '', /What else mark asks for in these minutes is on the page/)
    assert.doesNotMatch(toJohn[18]?.text ?? '', /in these minutes/)
    assert.deepEqual(
      dropped.map(({ detail }) => detail),
      Array(2).fill('john got 20 letters about mark within minutes.'),
    )
    assert.deepEqual(told, [
      ['john@example.com', `[Daypass] audrey asks for role1 on shop, session ${other.id}`],
    ])
  })

  it('is not sent to one who was an admin when it was written, nor about what is settled', async () => {
    const setAdmins = (names: readonly Name[]) =>
      rows(
        world.owner.db,
        `update people set management_privilege = case when username = any (:names) then 'admin' else 'none' end`,
        { names },
      )
    await setAdmins(['admin', 'john', 'audrey'])
    const dueAt = await storeTime(world.owner.db)
    const by = { scope: world.scopes.admin, origin: world.origins.admin }
    const { proposal } = await changeRoleTerms(world.portal, by, {
      id: world.roles.role1.id,
      asked: { approvalsNeeded: 0 },
    })
    await world.portal.change((tx) =>
      queueMail(tx, world.people.admin.organizationId, {
        kind: 'alert_raised',
        key: 'another alert',
        to: [world.people.john.id],
        facts: { rule: 'residue', detail: 'a table is left' },
        dueAt,
      }),
    )
    await setAdmins(['admin', 'audrey'])
    await withdrawProposal(world.portal, by, proposal?.id ?? '')
    const told = await room.arrived()
    await setAdmins(['admin'])

    assert.deepEqual(told, [])
    assert.deepEqual(
      (await listMails(world)).map(({ username, detail }) => `${username}: ${detail ?? ''}`).sort(),
      [
        'audrey: The proposal waits no more.',
        'john: john is no admin any more.',
        'john: john is not told of such alerts any more.',
      ],
    )
  })

  const standing = () =>
    findRow(
      world.owner.db,
      `select (select count(*) from session_moves) as moves,
              (select count(*) from session_approvals) as approvals,
              (select string_agg(state, ',' order by id) from sessions) as states`,
    )
})
