import assert from 'node:assert/strict'
import { rows } from '../../db/store.ts'
import { openPortal, type Browser, type TestPortal } from '../support/portal.ts'
import { makeWorld, type World } from '../support/world.ts'

interface Saved {
  readonly id: string
  readonly name: string
  readonly query: string
  readonly shared: boolean
  readonly owner: string
  readonly mine: boolean
}

describe('saved filters', () => {
  let world: World
  let portal: TestPortal
  let audrey: Browser
  let john: Browser

  before(async function () {
    this.timeout(60_000)
    world = await makeWorld()
    await rows(world.owner.db, `update people set audit_user = true where username = 'john'`)
    portal = await openPortal(world)
    audrey = await portal.signedIn('audrey')
    john = await portal.signedIn('john')
  })
  after(async () => {
    await portal.close()
    await world.close()
  })

  const save = (by: Browser, fields: Readonly<Record<string, string>>) =>
    by.post('/audit/filters', fields, '/audit/filters?save=x')
  const list = async (who: 'audrey' | 'john'): Promise<Saved[]> => {
    const answer = await portal.api(who).get('/audit/filters')
    return (answer.body as { filters: Saved[] }).filters
  }
  const records = () =>
    rows<{ change: string; name: string }>(
      world.owner.db,
      `select cast(body as jsonb) #>> '{details,change}' as change, subject as name
         from records
        where action = 'settings.changed' and area = 'audit'
        order by at, seq`,
    )

  it('keep what was filtered under a name, without the zone it was looked at in', async () => {
    const query = 'state=DENIED&range=7d&zone=utc&cursor=&unknown=1'
    const answer = await save(audrey, { name: ' Denied ', query })
    assert.equal(answer.status, 303)
    const [saved] = await list('audrey')
    assert.deepEqual(
      [saved?.name, saved?.query, saved?.shared, saved?.mine],
      ['Denied', 'range=7d&state=DENIED', false, true],
    )
    const opened = await audrey.get(answer.get('location') ?? '')
    assert.equal(opened.get('location'), '/audit?range=7d&state=DENIED')
    assert.match((await audrey.get('/audit/filters')).text, /Last 7 days; Status DENIED/)
    assert.deepEqual(await records(), [], 'a private one is nobody else’s matter')
  })

  it('are seen and changed by their owner alone, until they are shared', async () => {
    const [mine] = await list('audrey')
    assert.ok(mine)
    assert.deepEqual(await list('john'), [])
    assert.equal((await john.get(`/audit/filters/${mine.id}`)).status, 404)
    const theft = await john.post(`/audit/filters/${mine.id}`, { name: 'Mine' }, '/history')
    assert.equal(theft.status, 404)

    const fields = { name: 'Denied', shared: 'true' }
    await audrey.post(`/audit/filters/${mine.id}`, fields, '/audit/filters')
    const [shared] = await list('john')
    assert.deepEqual([shared?.name, shared?.mine, shared?.owner], ['Denied', false, 'audrey'])
    assert.equal((await john.get(`/audit/filters/${mine.id}`)).status, 303)
    for (const resource of ['', '/deletion']) {
      const refused = await john.post(`/audit/filters/${mine.id}${resource}`, fields, '/history')
      assert.equal(refused.status, 403)
      assert.match(refused.text, /Only audrey may change this filter/)
    }
  })

  it('leave a record of what is done to shared ones', async () => {
    const [mine] = await list('audrey')
    assert.ok(mine)
    const change = (fields: Readonly<Record<string, string>>) =>
      audrey.post(`/audit/filters/${mine.id}`, fields, '/audit/filters')
    await change({ name: 'No', shared: 'true' })
    // as it is already: nothing changed, nothing to record
    await change({ name: 'No', shared: 'true' })
    await change({ name: 'No' })
    await change({ name: 'Still no' })
    await change({ name: 'Still no', shared: 'true' })
    await audrey.post(`/audit/filters/${mine.id}/deletion`, {}, '/audit/filters')
    assert.deepEqual(await records(), [
      { change: 'shared', name: 'Denied' },
      { change: 'changed', name: 'No' },
      { change: 'made private', name: 'No' },
      { change: 'shared', name: 'Still no' },
      { change: 'deleted', name: 'Still no' },
    ])
    assert.deepEqual(await list('audrey'), [])
  })

  it('say at the form what is wrong, and keep what was typed', async () => {
    await save(audrey, { name: 'Taken', query: 'q=1' })
    const taken = await save(audrey, { name: 'Taken', query: 'q=%3Cb%3E' })
    assert.equal(taken.status, 422)
    assert.match(taken.text, /This name is taken/)
    assert.match(taken.text, /name="query" value="q=%3Cb%3E"/)
    assert.match(taken.text, /Free text &lt;b&gt;/)
    // names are an owner's own
    assert.equal((await save(john, { name: 'Taken', query: 'q=1' })).status, 303)
    const nameless = await save(audrey, { name: '', query: 'q=1' })
    assert.match(nameless.text, /Give the filter a name/)
    const endless = await save(audrey, { name: 'é'.repeat(101), query: 'q=1' })
    assert.match(endless.text, /Use at most 100 characters/)
  })

  it('are the same to programs', async () => {
    const api = portal.api('audrey')
    const wrong = await api.post('/audit/filters', { name: 'x', query: 'since=soon' })
    assert.equal(wrong.status, 422)
    const made = await api.post('/audit/filters', {
      name: 'Tasks that failed',
      shared: true,
      query: 'view=tasks&action=task.failed',
    })
    assert.equal(made.status, 201)
    const { id } = made.body as Saved
    assert.equal(made.get('location'), `/api/v1/audit/filters/${id}`)
    const changed = await api.post(`/audit/filters/${id}`, { shared: false })
    assert.deepEqual(
      [(changed.body as Saved).name, (changed.body as Saved).shared],
      ['Tasks that failed', false],
    )
    assert.equal((await portal.api('john').get(`/audit/filters/${id}`)).status, 404)
    assert.equal((await portal.api('mark').get('/audit/filters')).status, 404)
    const gone = await api.post(`/audit/filters/${id}/deletion`, {})
    assert.equal((gone.body as Saved).name, 'Tasks that failed')
    assert.equal((await api.get(`/audit/filters/${id}`)).status, 404)
  })
})
