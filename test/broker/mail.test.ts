import assert from 'node:assert/strict'
import { DateTime } from 'luxon'
import type { SessionId } from '../../lib/ids.ts'
import { makeCredential } from '../../broker/sessions/credentials.ts'
import { approve, cancel, deny, terminate } from '../../broker/sessions/lifecycle.ts'
import { rows } from '../../db/store.ts'
import { makeBroker } from '../support/broker.ts'
import { MailRoom } from '../support/mail-room.ts'
import { listMails } from '../support/mail-server.ts'
import type { Name, World } from '../support/world.ts'

describe('letters', () => {
  let room: MailRoom
  let world: World

  before(async () => {
    room = await MailRoom.open()
    world = room.world
  })
  after(() => room.close())
  beforeEach(() => room.reset())

  it('tell approvers what waits and the requester what others did, in the example of the Audit tab', async () => {
    const { id } = await room.ask()
    assert.deepEqual(await room.arrived(), [
      ['admin@example.com', `[Daypass] mark asks for role3 on shop, session ${id}`],
      ['john@example.com', `[Daypass] mark asks for role1 on shop, session ${id}`],
    ])
    await approve(...room.as('admin'), id)
    assert.deepEqual(await room.arrived(), [
      ['mark@example.com', `[Daypass] admin approved role3, session ${id}`],
    ])
    await approve(...room.as('john'), id, { comment: 'go ahead' })
    await room.send()
    const [completed] = room.mail.letters
    assert.match(completed?.text ?? '', /By: +john\n[^]*Comment of john:\n> go ahead\n/)
    assert.deepEqual(await room.arrived(), [
      ['mark@example.com', `[Daypass] Session ${id} is APPROVED`],
    ])
    await makeBroker(world).tick()
    const { password } = await makeCredential(...room.as('mark'), id)
    await room.send()
    const [granted] = room.mail.letters
    assert.match(granted?.text ?? '', new RegExp(`daypass connect ${id}`))
    assert.equal(granted?.raw.includes(password), false)
    assert.deepEqual(await room.arrived(), [
      ['mark@example.com', `[Daypass] Session ${id} is GRANTED`],
    ])
    await cancel(...room.as('mark'), id)
    assert.deepEqual(await room.arrived(), [])
  })

  it('say who, what, why and until when, in both zones, with a link to the session', async () => {
    await rows(
      world.owner.db,
      `insert into settings (name, value) values ('time_zone', 'Asia/Kolkata')`,
    )
    const start = DateTime.utc().plus({ days: 30 }).startOf('day').set({ hour: 9 })
    const { id } = await room.ask({ start, end: start.plus({ minutes: 30 }) })
    await room.send()
    await rows(world.owner.db, `delete from settings where name = 'time_zone'`)
    const letter = room.mail.letters.find(({ to }) => to.includes('john@example.com'))
    const text = letter?.text ?? ''

    assert.match(text, /Yours to decide: +role1\n/)
    assert.match(text, /All roles asked for: +role1, role3\n/)
    const day = start.toFormat('yyyy-LL-dd')
    assert.match(
      text,
      new RegExp(`Starts: +${day} 14:30:00 UTC \\+5:30 \\(${day} 09:00:00 UTC\\)\n`),
    )
    assert.match(text, /Justification:\n> ticket 7\n/)
    assert.ok(text.includes(`https://daypass.example.com/sessions/${id}\n`))
    assert.equal(letter?.headers.get('auto-submitted'), 'auto-generated')
    assert.match(letter.raw, /^List-ID: .*<letters\.daypass\.example\.com>/m)
    assert.match(letter.messageId, /^<[0-9a-f-]{36}@daypass\.example\.com>$/)
    await cancel(...room.as('mark'), id)
  })

  it('never tell the requester that their own request waits for them', async () => {
    await addApprover('role3', 'john')
    const { id } = await room.ask({ roles: ['role3'] }, 'admin')
    const told = await room.arrived()
    await removeApprover('role3', 'john')

    assert.deepEqual(told, [
      ['john@example.com', `[Daypass] admin asks for role3 on shop, session ${id}`],
    ])
  })

  it('tell one who may decide several roles of a request once', async () => {
    await addApprover('role3', 'john')
    const { id } = await room.ask()
    const told = await room.arrived()
    await removeApprover('role3', 'john')

    assert.deepEqual(told, [
      ['admin@example.com', `[Daypass] mark asks for role3 on shop, session ${id}`],
      ['john@example.com', `[Daypass] mark asks for role1, role3 on shop, session ${id}`],
    ])
  })

  it('tell of an approval once where the session has begun by the time', async () => {
    const asked = await room.ask({ roles: ['role1'] })
    await approve(...room.as('john'), asked.id, { comment: 'go ahead' })
    await room.grant(asked)
    await room.send()
    const toMark = room.mail.letters.filter(({ to }) => to.includes('mark@example.com'))

    assert.deepEqual(
      toMark.map(({ subject }) => subject),
      [`[Daypass] Session ${asked.id} is GRANTED`],
    )
    assert.match(
      toMark[0]?.text ?? '',
      /role1 \(APPROVED, john\)\n[^]*Comment of john:\n> go ahead\n/,
    )
  })

  it('give the reason of a denial and of a termination, and who it was', async () => {
    const denied = await room.ask({ roles: ['role1'] })
    await deny(...room.as('john'), denied.id, { reason: 'not today' })
    const ended = await room.grant(await room.ask({ roles: ['role2'] }))
    await terminate(...room.as('admin'), ended.id, { reason: 'an incident' })
    await room.send()
    const textOf = (id: SessionId, state: string) =>
      room.mail.letters.find(({ subject }) => subject === `[Daypass] Session ${id} is ${state}`)
        ?.text

    assert.match(textOf(denied.id, 'DENIED') ?? '', /By: +john\n[^]*Reason:\n> not today\n/)
    assert.match(textOf(ended.id, 'TERMINATED') ?? '', /By: +admin\n[^]*Reason:\n> an incident\n/)
    assert.match(textOf(ended.id, 'GRANTED') ?? '', /Since then it became TERMINATED\./)
  })

  it('speak of no session where there never was one', async () => {
    const { id } = await room.ask({ roles: ['role1'] })
    await terminate(...room.as('admin'), id, { reason: 'an incident' })
    await room.send()
    const letter = room.mail.letters.find(({ subject }) => subject.endsWith(`${id} is TERMINATED`))

    assert.match(letter?.text ?? '', /Your request was terminated before it was granted\.\n/)
  })

  it('are not sent about what is decided already, nor to those who have no say any more', async () => {
    const { id } = await room.ask()
    await rows(world.owner.db, `update people set disabled_at = now() where username = 'john'`)
    await approve(...room.as('admin'), id)
    const told = await room.arrived()

    assert.deepEqual(told, [['mark@example.com', `[Daypass] admin approved role3, session ${id}`]])
    const dropped = (await listMails(world)).filter(({ state }) => state === 'dropped')
    assert.deepEqual(
      dropped.map(({ username, detail }) => [username, detail]),
      [
        ['admin', `Session ${id} waits for admin no more.`],
        ['john', 'john is disabled.'],
      ],
    )
  })

  it('are kept as dropped for people without an address, or with none that can be used', async () => {
    await rows(world.owner.db, `update people set email = null where username = 'john'`)
    await rows(
      world.owner.db,
      `update people set email = E'admin@example.com\\r\\nBcc: eve@example.com' where username = 'admin'`,
    )
    await room.ask()

    assert.deepEqual(await room.arrived(), [])
    assert.deepEqual(
      (await listMails(world)).map(({ state, detail }) => [state, detail]),
      [
        ['dropped', "The e-mail address of admin can't be used."],
        ['dropped', 'john has no e-mail address.'],
      ],
    )
  })

  const addApprover = (role: string, who: Name) =>
    rows(
      world.owner.db,
      `insert into group_members (group_id, person_id, organization_id)
       select approver_group_id, :person, organization_id from roles where name = :role`,
      { role, person: world.people[who].id },
    )
  const removeApprover = (role: string, who: Name) =>
    rows(
      world.owner.db,
      `delete from group_members g using roles r
        where r.approver_group_id = g.group_id and r.name = :role and g.person_id = :person`,
      { role, person: world.people[who].id },
    )
})
