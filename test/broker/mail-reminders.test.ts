import assert from 'node:assert/strict'
import { approveExtension } from '../../broker/extension/decisions.ts'
import { requestExtension } from '../../broker/extension/extension.ts'
import { approve, cancel } from '../../broker/sessions/lifecycle.ts'
import { rows } from '../../db/store.ts'
import { look } from '../support/broker.ts'
import { MailRoom } from '../support/mail-room.ts'
import { listMails } from '../support/mail-server.ts'
import type { World } from '../support/world.ts'

describe('letters about the end', () => {
  let room: MailRoom
  let world: World

  before(async () => {
    room = await MailRoom.open()
    world = room.world
  })
  after(() => room.close())
  beforeEach(() => room.reset())

  it('remind the requester ten minutes and one minute before the end', async () => {
    const { id } = await room.grant(await room.ask({ roles: ['role2'], minutes: 30 }))
    const { end } = await look(world, id)
    const reminders = (await listMails(world)).filter(({ kind }) => kind === 'session_ends_soon')

    assert.deepEqual(
      reminders.map(({ due }) => due.toISO()),
      [end?.minus({ minutes: 10 }).toISO(), end?.minus({ minutes: 1 }).toISO()],
    )
  })

  it('remind by the store’s clock of a short session, of what still fits into it', async () => {
    const { id } = await room.grant(await room.ask({ roles: ['role2'], minutes: 9 }))
    await room.send()
    room.mail.letters.length = 0
    const [reminder, ...others] = (await listMails(world)).filter(
      ({ kind }) => kind === 'session_ends_soon',
    )
    assert.equal(others.length, 0)
    const { end } = await look(world, id)
    assert.equal(reminder?.due.toISO(), end?.minus({ minutes: 1 }).toISO())
    assert.deepEqual(await room.arrived(), [], 'not due')
    // eight minutes pass by the store's clock: everything moves but the clock of this process
    await rows(
      world.owner.db,
      `with moved as (
         update sessions
            set start_at = start_at - interval '8 minutes', end_at = end_at - interval '8 minutes',
                dies_at = dies_at - interval '8 minutes'
          where id = :id
      returning to_char(end_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as ends
       )
       update mails
          set due_at = due_at - interval '8 minutes', facts = facts || jsonb_build_object('end', ends)
         from moved
        where session_id = :id and kind = 'session_ends_soon'`,
      { id },
    )

    assert.deepEqual(await room.arrived(), [
      ['mark@example.com', `[Daypass] Session ${id} ends in 1 minute`],
    ])
  })

  it('remind of the end as it is when it was moved, and of none that is over', async () => {
    const { id } = await room.grant(await room.ask({ roles: ['role2'], minutes: 30 }))
    await room.send()
    room.mail.letters.length = 0
    const moveEnd = (minutes: number) =>
      rows(
        world.owner.db,
        `update sessions
            set end_at = start_at + make_interval(mins => :minutes), dies_at = end_at
          where id = :id`,
        { id, minutes },
      )
    const duePast = (kind: string) =>
      // the column rounds to milliseconds: now() itself may lie ahead by a half
      rows(
        world.owner.db,
        `update mails set due_at = now() - interval '1 second' where kind = :kind`,
        { kind },
      )
    await moveEnd(45)
    await duePast('session_ends_soon')
    assert.deepEqual(await room.arrived(), [])
    const waiting = (await listMails(world)).filter(({ state }) => state === 'waits')
    const { end } = await look(world, id)
    assert.deepEqual(
      waiting.map(({ due }) => due.toISO()),
      [end?.minus({ minutes: 10 }).toISO(), end?.minus({ minutes: 1 }).toISO()],
    )
    await cancel(...room.as('mark'), id)
    await duePast('session_ends_soon')
    assert.deepEqual(await room.arrived(), [])
  })

  it('tell of an extension, of its decision, and of the end it moved', async () => {
    const asked = await room.ask({ roles: ['role1'], minutes: 20 })
    await approve(...room.as('john'), asked.id)
    const { id } = await room.grant(await look(world, asked.id))
    await room.arrived()
    const justification = 'not done yet'
    const { id: extension } = await requestExtension(...room.as('mark'), id, {
      minutes: 10,
      justification,
    })
    await room.send()
    assert.match(room.mail.letters[0]?.text ?? '', /Justification:\n> not done yet\n/)
    assert.deepEqual(await room.arrived(), [
      ['john@example.com', `[Daypass] mark asks for more time, session ${id} on shop`],
    ])
    await approveExtension(...room.as('john'), extension)
    assert.deepEqual(await room.arrived(), [
      ['mark@example.com', `[Daypass] More time for session ${id}: APPROVED`],
    ])
    const { end } = await look(world, id)
    const due = (await listMails(world)).map((each) => each.due.toISO())
    assert.ok(due.includes(end?.minus({ minutes: 10 }).toISO() ?? ''))
  })
})
