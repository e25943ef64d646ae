import assert from 'node:assert/strict'
import { fieldsIn } from '../support/form-fields.ts'
import { openPortal, type Browser, type TestPortal } from '../support/portal.ts'
import { makeWorld, type World } from '../support/world.ts'

type Body = Record<string, unknown>

const FROM_APPROVAL = {
  dataSource: 'shop',
  roles: ['role1'],
  fromApproval: true,
  minutes: 10,
  justification: 'ticket 7',
}

describe('groups and rules of the policy in the portal', () => {
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

  it('keeps groups: made, renamed, joined and left', async () => {
    const refused = await admin.post('/groups', { name: '', members: 'mark' }, '/groups/new')
    assert.equal(refused.status, 422)
    assert.match(refused.text, /id="members-mark"[^>]*checked/)
    const asked = { name: 'night watch', description: 'after hours', members: ['mark', 'john'] }
    const made = await admin.post('/groups', asked, '/groups/new')
    const path = made.get('location') ?? ''
    const page = (await admin.get(path)).text
    assert.match(page, /Group night watch[\s\S]*after hours[\s\S]*john[\s\S]*mark/)
    const policyVersion = fieldsIn(page)['policyVersion'] ?? ''
    await admin.post(`${path}/members/removal`, { members: 'mark', policyVersion }, path)
    const stale = { members: 'audrey', policyVersion }
    await admin.post(`${path}/members`, stale, path)
    const told = (await admin.get(path)).text
    assert.match(told, /admin changed the policy meanwhile/)
    assert.match(told, /id="members-mark"/)
    const fresh = { ...stale, policyVersion: fieldsIn(told)['policyVersion'] ?? '' }
    await admin.post(`${path}/members`, fresh, path)
    const form = await admin.get(`${path}/definition`)
    const taken = { ...fieldsIn(form.text), name: 'johns' }
    const double = await admin.post(`${path}/definition`, taken, `${path}/definition`)
    assert.match(double.text, /id="name-error">[^<]*taken/)
    const renamed = { ...taken, name: 'day watch' }
    assert.equal((await admin.post(`${path}/definition`, renamed, path)).get('location'), path)
    assert.match((await admin.get('/groups')).text, /day watch[\s\S]*audrey, john/)
    const removal = await portal.api('admin').post(`${path}/members/removal`, { members: ['john'] })
    assert.deepEqual((removal.body as Body)['members'], ['audrey'])
    const absent = await portal.api('admin').post(`${path}/members/removal`, { members: ['john'] })
    assert.equal(absent.status, 422)
  })

  it('tries a justification rule without keeping it, then keeps it', async () => {
    const path = `/data-sources/${world.dataSource.id}/policy`
    const rule = {
      rule: 'own',
      justificationPattern: '^OPS-\\d+',
      justificationMessage: 'Say OPS-1.',
    }
    const shown = { ...fieldsIn((await admin.get(path)).text), ...rule, offered: 'yes' }
    for (const [trial, said] of [
      ['OPS-12', /data-trial>This would do/],
      ['because', /data-trial>It would be refused: Say OPS-1\./],
    ] as const) {
      const tried = await admin.post(`${path}/trial`, { ...shown, trial }, path)
      assert.equal(tried.status, 200)
      assert.match(tried.text, said)
      assert.match(tried.text, /value="\^OPS-/)
    }
    assert.equal((await admin.get(`${path}/trial`)).get('location'), path)
    const asked = { dataSource: 'shop', roles: ['role1'], justification: 'because' }
    assert.equal((await portal.api('mark').post('/sessions', asked)).status, 201)
    const broken = await admin.post(path, { ...shown, justificationPattern: '(' }, path)
    assert.match(broken.text, /id="justificationPattern-error">[^<]*regular expression/)
    assert.equal((await admin.post(path, shown, path)).status, 303)
    const refused = await portal.api('mark').post('/sessions', asked)
    assert.equal(refused.status, 422)
    assert.match(refused.text, /Say OPS-1\./)
    const none = { justificationPattern: '', offered: false }
    await portal.api('admin').post(path, none)
    const unoffered = await portal.api('mark').post('/sessions', asked)
    assert.match(unoffered.text, /shop is no longer offered/)
    await portal.api('admin').post(path, { justificationPattern: null, offered: true })
    assert.equal((await portal.api('mark').post('/sessions', asked)).status, 201)
    const trial = { pattern: '^X', message: 'No.', text: 'Y' }
    const answer = await portal.api('admin').post('/policy/justification/trial', trial)
    assert.deepEqual(answer.body, { fits: false, sentence: 'No.' })
  })

  it('keeps the global rule by its form', async () => {
    const path = '/policy/justification'
    const rule = { justificationPattern: '^T-', justificationMessage: 'Say T-1.' }
    const fields = { ...fieldsIn((await admin.get(path)).text), ...rule }
    assert.equal((await admin.post(path, fields, path)).get('location'), '/policy')
    assert.match(
      (await admin.get('/policy')).text,
      /Global justification rule<\/dt><dd>must match \^T-/,
    )
    await portal.api('admin').post(path, { pattern: '' })
  })

  it('changes how long requests wait, by form and API, as a version of the policy', async () => {
    const path = '/policy/request-life'
    const form = await admin.get(path)
    assert.match(form.text, /name="minutes"[\s\S]*?value="10080"/)
    const fields = fieldsIn(form.text)
    const long = await admin.post(path, { ...fields, minutes: '527041' }, path)
    assert.match(long.text, /id="minutes-error">[^<]*from 1 to 527040/)
    assert.equal((await admin.post(path, { ...fields, minutes: '90' }, path)).status, 303)
    assert.match((await admin.get('/policy')).text, /Time-to-live of requests<\/dt><dd>1 h 30 min/)
    const stale = await admin.post(path, { ...fields, minutes: '91' }, path)
    assert.equal(stale.status, 409)
    const lived = await portal.api('mark').post('/sessions', FROM_APPROVAL)
    assert.equal(lifeOf(lived.body as Body), 90)
    const answer = await portal.api('admin').post(path, { minutes: 1_440 })
    assert.deepEqual(answer.body, { minutes: 1_440 })
    const policy = (await portal.api('audrey').get('/policy')).body as Body
    assert.equal(policy['requestLifeMinutes'], 1_440)
    assert.match(String(policy['summary']), /time-to-live of requests: .* 90 -> 1440/)
    const page = await admin.get(`/policy/versions/${String(policy['version'])}`)
    assert.match(page.text, /<del>90<\/del>[\s\S]*<ins>1440<\/ins>/)
    const none = await portal.api('admin').post(path, { minutes: 0 })
    assert.equal(none.status, 422)
    await portal.api('admin').post(path, { minutes: 10_080 })
  })
})

/** How long a request waits unapproved, in minutes. */
function lifeOf({ createdAt, diesAt }: Body): number {
  return (Date.parse(String(diesAt)) - Date.parse(String(createdAt))) / 60_000
}
