import assert from 'node:assert/strict'
import { rows } from '../../db/store.ts'
import { openPortal, type TestPortal } from '../support/portal.ts'
import { makeWorld, type Name, type World } from '../support/world.ts'

describe('hiding sessions that are over', () => {
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

  it('takes them out of the lists of everybody until "Show deleted" is ticked', async () => {
    const id = await over()
    const mark = await portal.signedIn('mark')
    assert.match((await mark.get('/history')).text, rowOf(id))
    const answer = await mark.post(`/sessions/${id}/hiding`, {}, '/history')
    assert.deepEqual([answer.status, answer.get('location')], [303, '/history'])

    const after = await mark.get('/history')
    assert.match(after.text, new RegExp(`Session ${id} is hidden from the lists`))
    for (const name of ['mark', 'admin', 'audrey'] as const) {
      const reader = await portal.signedIn(name)
      assert.doesNotMatch((await reader.get('/history')).text, rowOf(id), name)
      const shown = (await reader.get('/history?deleted=true')).text
      assert.match(shown, new RegExp(`data-session-id="${id}" class="put-away"`), name)
      assert.match(shown, /id="deleted" value="true" checked/)
    }
    // whoever could not see it before does not see it now
    const john = await portal.signedIn('john')
    assert.doesNotMatch((await john.get('/history?deleted=true')).text, rowOf(id))
  })

  it('keeps its page and puts it back, each time with a record and never twice', async () => {
    const id = await over()
    const mark = await portal.signedIn('mark')
    for (let count = 0; count < 2; count += 1) {
      assert.equal((await mark.post(`/sessions/${id}/hiding`, {}, '/history')).status, 303)
    }
    const page = await mark.get(`/sessions/${id}`)
    assert.match(page.text, /You took this session out of the lists/)
    assert.match(page.text, /mark hid the session from the lists/)
    for (let count = 0; count < 2; count += 1) {
      assert.equal((await mark.post(`/sessions/${id}/hiding/removal`, {}, '/history')).status, 303)
    }
    assert.match((await mark.get('/history')).text, rowOf(id))
    const records = await rows<{ action: string; actor: string; state: string | null }>(
      world.owner.db,
      `select action, actor_name as actor, state
         from records
        where session_id = :id
          and action in ('session.hidden', 'session.shown')
        order by at, seq`,
      { id },
    )
    assert.deepEqual(records, [
      { action: 'session.hidden', actor: 'mark', state: null },
      { action: 'session.shown', actor: 'mark', state: null },
    ])
  })

  it('is for its requester alone, once it is over and its user is gone', async () => {
    const open = await ask('mark')
    const mark = portal.api('mark')
    assert.deepEqual(await told(mark.post(`/sessions/${open}/hiding`, {})), [
      409,
      `Session ${open} is CREATED: it can be hidden once it is over.`,
    ])
    const id = await over()
    assert.equal((await portal.api('admin').post(`/sessions/${id}/hiding`, {})).status, 403)
    await removeAgain(id)
    assert.deepEqual(await told(mark.post(`/sessions/${id}/hiding`, {})), [
      409,
      `The user of session ${id} is not removed yet: it can be hidden once it is.`,
    ])
    assert.doesNotMatch(
      (await (await portal.signedIn('mark')).get('/history')).text,
      new RegExp(`action="/sessions/${id}/hiding"`),
    )
  })

  it('has its twin in the API, which leaves hidden ones out where asked', async () => {
    const id = await over()
    const mark = portal.api('mark')
    const hidden = (await mark.post(`/sessions/${id}/hiding`, {})).body as Listed
    assert.match(hidden.hiddenAt ?? '', /^\d{4}-\d\d-\d\dT.*Z$/)
    assert.ok((await listed('')).includes(id), 'nothing is left out unless asked')
    assert.ok(!(await listed('?hidden=false')).includes(id))
    const shown = (await mark.post(`/sessions/${id}/hiding/removal`, {})).body as Listed
    assert.equal(shown.hiddenAt, null)
    assert.ok((await listed('?hidden=false')).includes(id))
    assert.equal((await mark.get('/sessions?hidden=maybe')).status, 422)

    async function listed(query: string): Promise<string[]> {
      const { sessions } = (await mark.get(`/sessions${query}`)).body as { sessions: Listed[] }
      return sessions.map((session) => session.id)
    }
  })

  it('keeps "Show deleted" and "Mine" while one turns pages', async () => {
    const ids: string[] = []
    for (let count = 0; count < 52; count += 1) ids.push(await ask('admin', 'role1'))
    await rows(
      world.owner.db,
      `update sessions
          set state = 'CANCELED', ended_at = now(), hidden_at = now()
        where id = any (cast(:ids as bigint[]))`,
      { ids },
    )
    const admin = await portal.signedIn('admin')
    const { text } = await admin.get('/history?mine=true&deleted=true')
    const [, older] = /rel="next" href="([^"]+)"/.exec(text) ?? []
    assert.match(
      older ?? '',
      /^\/history\?mine=true&(amp;|#38;)deleted=true&(amp;|#38;)before=\d+$/,
    )
    const next = await admin.get((older ?? '').replace(/&(amp|#38);/g, '&'))
    assert.equal([...next.text.matchAll(/data-session-id=/g)].length, 2)
    assert.match(next.text, /rel="first" href="\/history\?mine=true/)
  })

  it('can be undone whatever has come up meanwhile', async () => {
    const id = await over()
    const mark = await portal.signedIn('mark')
    await mark.post(`/sessions/${id}/hiding`, {}, '/history')
    await removeAgain(id)
    assert.match(
      (await mark.get('/history?deleted=true')).text,
      new RegExp(`action="/sessions/${id}/hiding/removal"`),
    )
    assert.equal((await mark.post(`/sessions/${id}/hiding/removal`, {}, '/history')).status, 303)
    assert.match((await mark.get('/history')).text, rowOf(id))
  })

  /** As after a restore that brought its user back. */
  async function removeAgain(id: string): Promise<void> {
    await rows(
      world.owner.db,
      `insert into session_jobs (session_id, organization_id, kind, due_at)
       select id, organization_id, 'removal', now() from sessions where id = :id`,
      { id },
    )
  }

  interface Listed {
    readonly id: string
    readonly hiddenAt: string | null
  }

  /** A session of mark's that he has canceled, with nothing left to remove. */
  async function over(): Promise<string> {
    const id = await ask('mark')
    assert.equal((await portal.api('mark').post(`/sessions/${id}/cancellation`, {})).status, 200)
    await rows(world.owner.db, 'delete from session_jobs where session_id = :id', { id })
    return id
  }

  async function ask(who: Name, role = 'role3'): Promise<string> {
    const asked = { dataSource: 'shop', roles: [role], minutes: 5, justification: 'ticket 7' }
    const answer = await portal.api(who).post('/sessions', asked)
    const { id } = answer.body as { id?: unknown }
    assert.ok(typeof id === 'string', answer.text)
    return id
  }
})

function rowOf(id: string): RegExp {
  return new RegExp(`<li data-session-id="${id}"`)
}

async function told(
  answer: PromiseLike<{ status: number; body: unknown }>,
): Promise<[number, unknown]> {
  const { status, body } = await answer
  return [status, (body as { detail?: unknown }).detail]
}
