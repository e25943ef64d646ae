import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { cancel, deny } from '../../broker/sessions/lifecycle.ts'
import { changeRoleTerms } from '../../broker/policy/changes.ts'
import { withdrawProposal } from '../../broker/policy/proposals.ts'
import { raiseAlert } from '../../db/alerts.ts'
import { queueMail } from '../../db/mails.ts'
import { findRow, getRow, rows, storeTime } from '../../db/store.ts'
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
    const alert = await raise()
    await world.portal.change((tx) =>
      queueMail(tx, world.people.admin.organizationId, {
        kind: 'alert_raised',
        key: alert,
        to: [world.people.admin.id],
        facts: { rule: 'residue', title: 'Something is left' },
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
        assert.equal(page.status, 200, path)
        followed.push(path)
      }
    }
    await portal.close()

    assert.deepEqual(
      new Set(followed),
      new Set(
        [waiting, granted].map(({ id }) => `/sessions/${id}`).concat(`/alerts#alert-${alert}`),
      ),
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

  it('tells of an alert by its title, with a link to it, and not once it is over', async () => {
    const { admin } = world.people
    const letterAbout = async (key: string): Promise<void> => {
      const dueAt = await storeTime(world.owner.db)
      const facts = { rule: 'residue', title: 'Something is left' }
      await world.portal.change((tx) =>
        queueMail(tx, admin.organizationId, {
          kind: 'alert_raised',
          key,
          to: [admin.id],
          facts,
          dueAt,
        }),
      )
    }
    const [lasting, over] = [await raise(), await raise()]
    await rows(world.owner.db, 'update alerts set resolved_at = raised_at where id = :over', {
      over,
    })
    await letterAbout(over)
    await letterAbout(lasting)
    await room.send()
    const [letter, ...others] = room.mail.letters

    assert.deepEqual(others, [])
    assert.match(letter?.text ?? '', /Alert: +Something is left\n[^]*> a table is left\n/)
    assert.ok(letter?.text.includes(`/alerts#alert-${lasting}\n`))
    assert.deepEqual(
      (await listMails(world)).flatMap(({ state, detail }) =>
        state === 'dropped' ? [detail] : [],
      ),
      ['The alert is over.'],
    )
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
    const alert = await raise()
    await world.portal.change((tx) =>
      queueMail(tx, world.people.admin.organizationId, {
        kind: 'alert_raised',
        key: alert,
        to: [world.people.john.id],
        facts: { rule: 'residue' },
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

  /** An open alert. */
  const raise = async (): Promise<string> => {
    const key = randomUUID()
    await world.owner.change(async (tx) => {
      const breach = { rule: 'residue', key, detail: 'a table is left' } as const
      await raiseAlert(tx, world.origins.admin, await storeTime(tx), breach)
    })
    const { id } = await getRow<{ id: string }>(
      world.owner.db,
      'select id from alerts where key = :key',
      { key },
    )
    return id
  }
  const standing = () =>
    findRow(
      world.owner.db,
      `select (select count(*) from session_moves) as moves,
              (select count(*) from session_approvals) as approvals,
              (select string_agg(state, ',' order by id) from sessions) as states`,
    )
})
