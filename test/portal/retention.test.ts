import assert from 'node:assert/strict'
import { dropOldRecordings } from '../../broker/scheduling/retention.ts'
import { rows } from '../../db/store.ts'
import { parseSessionId, type SessionId } from '../../lib/ids.ts'
import { makeBroker } from '../support/broker.ts'
import { fieldsIn } from '../support/form-fields.ts'
import { openPortal, type Browser, type TestPortal } from '../support/portal.ts'
import { bodyOf } from '../support/problem.ts'
import { keepMonths, makeOldMonth, recordStatements } from '../support/recordings.ts'
import { makeWorld, type World } from '../support/world.ts'

const PATH = '/policy/recordings'

describe('the keeping of recordings in the portal', () => {
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

  const inForce = async () => bodyOf(await portal.api('audrey').get('/policy'))
  const granted = async (): Promise<SessionId> => {
    const asked = { dataSource: 'shop', roles: ['role2'], justification: 'ticket 7' }
    const made = parseSessionId(
      String(bodyOf(await portal.api('mark').post('/sessions', asked))['id']),
    )
    assert.ok(made)
    await makeBroker(world).tick()
    return made
  }

  it('is set by an admin in the policy, as a record and a version', async () => {
    const before = await admin.get('/policy')
    assert.match(before.text, /Recordings of statements<\/dt><dd>kept for ever/)
    const fields = fieldsIn((await admin.get(PATH)).text)
    const long = await admin.post(PATH, { ...fields, months: '1201' }, PATH)
    assert.equal(long.status, 422)
    assert.match(long.text, /id="months-error">[^<]*from 1 to 1200/)
    assert.equal((await inForce())['recordingMonths'], null)
    assert.equal((await admin.post(PATH, { ...fields, months: '6' }, PATH)).status, 303)
    const after = await admin.get('/policy')
    assert.match(after.text, /It holds from tomorrow on/)
    assert.match(after.text, /Recordings of statements<\/dt><dd>kept for 6 months/)
    assert.equal((await admin.post(PATH, { ...fields, months: '7' }, PATH)).status, 409)

    const { recordingMonths, summary, version } = await inForce()
    assert.equal(recordingMonths, 6)
    assert.equal(summary, 'keeping of recordings: recording months for ever -> 6')
    const page = await admin.get(`/policy/versions/${String(version)}`)
    assert.match(page.text, /<del>for ever<\/del>[\s\S]*<ins>6<\/ins>/)
    const found = await rows<{ details: object }>(
      world.owner.db,
      `select cast(body as jsonb)->'details' as details
         from records
        where action = 'settings.changed' and actor_name = 'admin'`,
    )
    assert.deepEqual(found, [
      { details: { recording_months_before: 'for ever', recording_months_after: '6' } },
    ])
  })

  it('is set by the API alike, and by nobody else', async () => {
    for (const months of [0, 1.5, 1_201, '6', undefined]) {
      assert.equal((await portal.api('admin').post(PATH, { months })).status, 422, String(months))
    }
    const answer = await portal.api('admin').post(PATH, { months: 12 })
    assert.deepEqual(answer.body, { months: 12 })
    assert.equal((await portal.api('audrey').post(PATH, { months: null })).status, 403)
    assert.equal((await inForce())['recordingMonths'], 12)
    const fields = fieldsIn((await admin.get(PATH)).text)
    assert.equal(fields['months'], '12')
    await admin.post(PATH, { ...fields, months: '' }, PATH)
    assert.equal((await inForce())['recordingMonths'], null)
  })

  it('shows on the page of a session what is gone, until when it was there, and why', async () => {
    const id = await granted()
    const quiet = await granted()
    await makeOldMonth(world, '2025-01')
    await recordStatements(world, id, { at: '2025-01-10T00:00:00Z', count: 2 })
    await keepMonths(world, 3)
    await dropOldRecordings({ store: world.broker })

    const mark = await portal.signedIn('mark')
    const whole = (await mark.get(`/sessions/${id}`)).text
    const said =
      /The recording was kept until \d{4}-[0-9-]+ [0-9:]+ UTC\. 2 statements were dropped then: the policy keeps recordings for 3 months\./
    assert.match(whole, said)
    assert.doesNotMatch(whole, /Nobody has connected|Nothing can run/)
    const untouched = (await mark.get(`/sessions/${quiet}`)).text
    assert.match(untouched, /Nobody has connected yet/)
    assert.doesNotMatch(untouched, /data-dropped/)

    await recordStatements(world, id, { at: new Date().toISOString(), count: 1 })
    const part = (await mark.get(`/sessions/${id}`)).text
    assert.match(part, /The older part of the recording was kept until/)
    assert.match(part, />select 1</)
    const answer = bodyOf(await portal.api('mark').get(`/sessions/${id}/statements`))
    const { at, ...dropped } = answer['dropped'] as Record<string, unknown>
    assert.deepEqual(dropped, { statements: 2, keptMonths: 3 })
    assert.match(String(at), /Z$/)
    const none = bodyOf(await portal.api('mark').get(`/sessions/${quiet}/statements`))
    assert.equal(none['dropped'], null)
    assert.doesNotMatch(
      (await (await portal.signedIn('john')).get(`/sessions/${id}`)).text,
      /kept until/,
    )
  })

  it('stands among the tasks, with what went', async () => {
    const { text } = await admin.get('/tasks?task=retention')
    assert.match(text, /Drop old recordings/)
    assert.match(text, /Dropped 2 statements of 2025-01, kept for 3 months as the policy says\./)
  })
})
