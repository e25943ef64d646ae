import assert from 'node:assert/strict'
import { isOffHours } from '../../portal/presenters/request-tags.ts'
import { rows } from '../../db/store.ts'
import { openPortal, type TestPortal } from '../support/portal.ts'
import { instant } from '../support/trail.ts'
import { makeWorld, type World } from '../support/world.ts'

describe('off-hours', () => {
  // 2026-11-23 is a Monday
  for (const [zone, start, end, expected] of [
    ['UTC', '2026-11-23T08:00:00Z', '2026-11-23T18:00:00Z', false],
    ['UTC', '2026-11-23T07:59:59Z', '2026-11-23T09:00:00Z', true],
    ['UTC', '2026-11-23T17:30:00Z', '2026-11-23T18:00:01Z', true],
    ['UTC', '2026-11-27T12:00:00Z', '2026-11-27T13:00:00Z', false],
    ['UTC', '2026-11-28T12:00:00Z', '2026-11-28T13:00:00Z', true],
    ['UTC', '2026-11-23T12:00:00Z', '2026-11-24T12:00:00Z', true],
    ['Europe/Warsaw', '2026-11-23T07:00:00Z', '2026-11-23T07:30:00Z', false],
    ['Europe/Warsaw', '2026-11-23T17:00:00Z', '2026-11-23T17:30:00Z', true],
    ['Asia/Kolkata', '2026-11-23T02:30:00Z', '2026-11-23T12:30:00Z', false],
    ['Asia/Kolkata', '2026-11-23T02:29:00Z', '2026-11-23T12:30:00Z', true],
    ['Pacific/Kiritimati', '2026-11-22T18:00:00Z', '2026-11-22T19:00:00Z', false],
    ['Pacific/Kiritimati', '2026-11-27T18:00:00Z', '2026-11-27T19:00:00Z', true],
    // the day the clock is set back in Warsaw is a Sunday, the day after a working one
    ['Europe/Warsaw', '2026-10-23T06:00:00Z', '2026-10-23T07:00:00Z', false],
    ['Europe/Warsaw', '2026-10-26T06:00:00Z', '2026-10-26T06:30:00Z', true],
  ] as const) {
    it(`${expected ? 'holds' : 'does not hold'} for ${start} to ${end} in ${zone}`, () => {
      const window = { start: instant(start), end: instant(end) }
      assert.equal(isOffHours(window, zone), expected)
    })
  }
})

describe('what an approver should notice', () => {
  let world: World
  let portal: TestPortal

  before(async function () {
    this.timeout(60_000)
    world = await makeWorld()
    portal = await openPortal(world)
  })

  after(async () => {
    await portal.close()
    await world.close()
  })

  it('is nothing of an ordinary request', async () => {
    const id = await ask({ roles: ['role3'], start: workday(10), minutes: 30 })
    assert.deepEqual(await tagsOf(id), [])
  })

  it('is a window longer than a role is usually lent for, and one off-hours', async () => {
    assert.deepEqual(
      await tagsOf(await ask({ roles: ['role3'], start: workday(10), minutes: 45 })),
      ['long 45 min; role3 is usually lent for 30 min'],
    )
    assert.deepEqual(
      await tagsOf(await ask({ roles: ['role3'], start: workday(22), minutes: 30 })),
      ['off-hours not all of it is on a weekday between 8:00 and 18:00, UTC'],
    )
  })

  it('measures a window by the role that is usually lent for the shortest time', async () => {
    await setDefault('role1', 60)
    const id = await ask({ roles: ['role1', 'role3'], start: workday(10), minutes: 45 })
    assert.deepEqual(await tagsOf(id), ['long 45 min; role3 is usually lent for 30 min'])
    await setDefault('role3', 60)
    assert.deepEqual(await tagsOf(id), [])
    for (const role of ['role1', 'role3']) await setDefault(role, 30)
  })

  it('goes by the clock of Central Manager, wherever the reader is', async () => {
    const id = await ask({ roles: ['role3'], start: workday(22), minutes: 30 })
    await setZone('America/Los_Angeles')
    assert.deepEqual(await tagsOf(id), [])
    await setZone('UTC')
  })

  it('is a dangerous role', async () => {
    const asked = { roles: ['role1', 'role3'], start: workday(10), minutes: 30 }
    await rows(
      world.owner.db,
      `insert into group_members (group_id, person_id, organization_id)
       select approver_group_id, :john, organization_id from roles where name = 'role3'`,
      { john: world.people.john.id },
    )
    await mark(`dangerous = true, approvals_needed = 2`)
    assert.deepEqual(await tagsOf(await ask(asked)), ['dangerous role role3'])
    await mark(`dangerous = false, approvals_needed = 1`)
    assert.deepEqual(await tagsOf(await ask(asked)), [])

    async function mark(change: string): Promise<void> {
      await rows(world.owner.db, `update roles set ${change} where name = 'role3'`)
    }
  })

  it('shows whose vote is awaited, and who decided first', async () => {
    const id = await ask({ roles: ['role1', 'role3'], start: workday(10), minutes: 30 })
    const admin = await portal.signedIn('admin')
    const card = cardOf((await admin.get('/approvals')).text, id)
    assert.match(card, /<strong>role3<\/strong>/)
    assert.match(card, /<span>role1<\/span>/)
    assert.equal(
      (await portal.api('john').post(`/sessions/${id}/denial`, { reason: 'no' })).status,
      200,
    )
    const late = await admin.post(`/sessions/${id}/approval`, { comment: 'fine' }, '/approvals')
    assert.equal(late.status, 409)
    assert.match(late.text, /<h1>Already decided<\/h1>/)
    assert.match(
      late.text,
      new RegExp(`Session ${id} is DENIED already by john at [0-9-]{10} [0-9:]{8} UTC;`),
    )
    assert.match(late.text, /href="\/approvals">Pending Approvals</)
  })

  async function ask(more: object): Promise<string> {
    const asked = { dataSource: 'shop', justification: 'ticket 7', ...more }
    const answer = await portal.api('mark').post('/sessions', asked)
    const { id } = answer.body as { id?: unknown }
    assert.ok(typeof id === 'string', answer.text)
    return id
  }

  async function setDefault(name: string, minutes: number): Promise<void> {
    await rows(world.owner.db, `update roles set default_minutes = :minutes where name = :name`, {
      name,
      minutes,
    })
  }

  async function tagsOf(id: string): Promise<string[]> {
    const card = cardOf((await (await portal.signedIn('admin')).get('/approvals')).text, id)
    const [, list = ''] = /<ul class="plain notices"[^>]*>([\s\S]*?)<\/ul>/.exec(card) ?? []
    return [...list.matchAll(/<li[^>]*>([\s\S]*?)<\/li>/g)].map(([, item = '']) =>
      item.replace(/<[^>]+>/g, '').trim(),
    )
  }

  async function setZone(zone: string): Promise<void> {
    await rows(
      world.owner.db,
      `insert into settings (name, value)
       values ('time_zone', :zone)
           on conflict (name) do update set value = :zone`,
      { zone },
    )
  }
})

function cardOf(text: string, id: string): string {
  const [, card] =
    new RegExp(`(<article[^>]*data-session-id="${id}"[\\s\\S]*?</article>)`).exec(text) ?? []
  assert.ok(card !== undefined, `no card of session ${id}`)
  return card
}

/** The next Tuesday at an hour, UTC. */
function workday(hour: number): string {
  const day = new Date()
  day.setUTCDate(day.getUTCDate() + ((9 - day.getUTCDay()) % 7 || 7))
  day.setUTCHours(hour, 0, 0, 0)
  return day.toISOString()
}
