import assert from 'node:assert/strict'
import { cancel, requestSession } from '../../broker/sessions/lifecycle.ts'
import type { SessionId } from '../../lib/ids.ts'
import { rows } from '../../db/store.ts'
import { makeBroker, type HandBroker } from '../support/broker.ts'
import { openPortal, type Browser, type TestPortal } from '../support/portal.ts'
import { makeWorld, runOn, type World } from '../support/world.ts'

describe('what a session left behind, on its page and in the API', () => {
  let world: World
  let portal: TestPortal
  let broker: HandBroker
  let mark: Browser

  before(async () => {
    world = await makeWorld()
    portal = await openPortal(world)
    broker = makeBroker(world)
    mark = await portal.signedIn('mark')
    await rows(world.owner.db, `update roles set approvals_needed = 0`)
    await broker.tick()
  })
  after(async () => {
    await portal.close()
    await world.close()
  })

  const grant = async (): Promise<SessionId> => {
    const { id } = await requestSession(world.portal, world.scopes.mark, world.origins.mark, {
      dataSource: 'shop',
      roles: ['role3'],
      justification: 'ticket 7',
    })
    await broker.tick()
    return id
  }
  const end = async (id: SessionId): Promise<void> => {
    await cancel(world.portal, world.scopes.mark, world.origins.mark, id)
    await broker.tick()
  }
  const compare = async (): Promise<void> => {
    await rows(
      world.owner.db,
      `update sessions set removed_at = removed_at - interval '1 minute' where removed_at is not null`,
    )
    await rows(world.owner.db, `update catalog_visits set held_until = now() - interval '1 second'`)
    await broker.tick()
  }
  const cardOf = async (id: SessionId): Promise<string> => {
    const { text, status } = await mark.get(`/sessions/${id}`)
    assert.equal(status, 200, text)
    const [, card] = /<section class="sheet" id="residue">([\s\S]*?)<\/section>/.exec(text) ?? []
    return (card ?? '').replaceAll(/<[^>]+>/g, ' ').replaceAll(/\s+/g, ' ')
  }

  it('is silent while the session is open, then waits for the comparison, then says that there is nothing', async () => {
    const id = await grant()
    // by a comparison before a removal that was undone by a restore
    await rows(
      world.owner.db,
      `insert into session_residue (session_id, organization_id, database, kind, name, attribution, change, detail, found_at)
       select id, organization_id, 'shop', 'table', 'early', 'left behind', 'created', '', now() from sessions where id = :id`,
      { id },
    )
    const open = await cardOf(id)
    await rows(world.owner.db, `delete from session_residue where name = 'early'`)
    await end(id)
    const removed = await cardOf(id)
    await compare()
    const compared = await cardOf(id)
    const answer = await portal.api('mark').get(`/sessions/${id}/residue`)
    const body = answer.body as Record<string, unknown>

    assert.equal(open, '', 'what is there is in use')
    assert.match(removed, /are being compared/)
    assert.match(compared, /Nothing was left behind\. Compared \d{4}-/)
    assert.deepEqual(body['residue'], [])
    assert.match(String(body['comparedAt']), /Z$/)
    assert.match(String(body['beforeAt']), /Z$/)
  })

  it('lists what was left, where, and whose it is', async () => {
    const id = await grant()
    await runOn(world.shop.superuserUrl, `create table "dba's <b>" (n integer)`)
    const [{ username } = { username: '' }] = await rows<{ username: string }>(
      world.owner.db,
      `select username from sessions where id = :id`,
      { id },
    )
    await runOn(
      world.shop.superuserUrl,
      `create table mine (n integer); alter table mine owner to ${username}`,
    )
    await end(id)
    await compare()
    const card = await cardOf(id)
    const { text } = await mark.get(`/sessions/${id}`)
    const answer = await portal.api('audrey').get(`/sessions/${id}/residue`)
    await runOn(
      world.shop.superuserUrl,
      `drop table "dba's <b>"; drop owned by daypass_residue cascade`,
    )

    assert.match(
      card,
      /1 object was left behind\. 1 object changed meanwhile, perhaps by others\. Compared \d{4}-/,
    )
    assert.match(card, /table public\.mine t_\w+ handed over left behind/)
    assert.match(card, /belongs to daypass_residue now/)
    assert.ok(text.includes('&lt;b&gt;'))
    const { residue } = answer.body as { residue: Record<string, unknown>[] }
    assert.deepEqual(
      residue.map(({ kind, name, attribution, change }) => [kind, name, attribution, change]),
      [
        ['table', 'public.mine', 'left behind', 'handed over'],
        ['table', `public."dba's <b>"`, 'changed meanwhile', 'created'],
      ],
    )
  })

  it('is for those alone who may see the session', async () => {
    const id = await grant()
    await rows(world.owner.db, `update session_roles set approver_group_id = null`)

    const stranger = await portal.api('john').get(`/sessions/${id}/residue`)
    const auditor = await portal.api('audrey').get(`/sessions/${id}/residue`)
    await end(id)

    assert.equal(stranger.status, 404)
    assert.equal(auditor.status, 200)
  })
})
