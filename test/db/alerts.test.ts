import assert from 'node:assert/strict'
import { listAlertPolicies } from '../../db/alert-rules.ts'
import { countOpenAlerts, listAlerts } from '../../db/alert-lists.ts'
import { raiseAlert, resolveAlerts, type Breach, type Resolved } from '../../db/alerts.ts'
import { getDefaultOrganization, type Organization } from '../../db/people.ts'
import { systemOrigin } from '../../db/scope.ts'
import { openStore, rows, storeTime, violates, type Store } from '../../db/store.ts'
import { createStore, type TestStore } from '../support/store.ts'

const BREACH: Breach = { rule: 'residue', key: 'a', detail: 'first' }
const OPERATOR = { kind: 'part', part: 'operator' } as const
const DENIED = { code: '42501' }

describe('alerts in the store', () => {
  let store: TestStore
  let organization: Organization
  let broker: Store
  let proxy: Store
  let portal: Store

  before(async () => {
    store = await createStore()
    organization = await getDefaultOrganization(store.owner.db)
    const { partUrls } = store
    broker = openStore(partUrls.broker)
    proxy = openStore(partUrls.proxy)
    portal = openStore(partUrls.portal)
  })
  beforeEach(async () => {
    await rows(store.owner.db, 'delete from alerts')
  })
  after(async () => {
    for (const part of [broker, proxy, portal]) await part.close()
    await store.close()
  })

  const origin = () => systemOrigin(organization, crypto.randomUUID())
  const raise = (by: Store, breach: Breach = BREACH): Promise<boolean> =>
    by.change(async (tx) => raiseAlert(tx, origin(), await storeTime(tx), breach))
  const resolve = (by: Store, resolved: Resolved): Promise<void> =>
    by.change(async (tx) => resolveAlerts(tx, origin(), await storeTime(tx), resolved))
  const keys = async (): Promise<string[]> => {
    const { alerts } = await listAlerts(store.owner.db, OPERATOR, { open: true })
    return alerts.map(({ key }) => key).sort()
  }
  const records = () =>
    rows<{ action: string }>(
      store.owner.db,
      `select action from records where area = 'alerts' order by at desc, seq desc`,
    )

  it('are one while the breach lasts, and say what was seen last', async () => {
    const before = (await records()).length
    assert.equal(await raise(broker), true)
    assert.equal(await raise(broker, { ...BREACH, detail: 'second' }), false)
    assert.equal(await raise(proxy, { ...BREACH, detail: 'third' }), false)
    const { alerts } = await listAlerts(store.owner.db, OPERATOR)
    assert.deepEqual(
      alerts.map(({ detail }) => detail),
      ['third'],
    )
    assert.equal((await records()).length, before + 1)
    assert.equal(await countOpenAlerts(store.owner.db, OPERATOR), 1)
  })

  it('are one when raised at once', async () => {
    const raised = await Promise.all(Array.from({ length: 8 }, () => raise(broker)))
    assert.equal(raised.filter(Boolean).length, 1)
    assert.equal((await listAlerts(store.owner.db, OPERATOR)).alerts.length, 1)
  })

  it("can't be two in the store, whatever the code does", async () => {
    await raise(broker)
    const twice = rows(
      store.owner.db,
      `insert into alerts (id, organization_id, rule, key, detail, raised_at, seen_at)
       select gen_random_uuid(), organization_id, rule, key, detail, raised_at, seen_at from alerts`,
    )
    await assert.rejects(twice, (error) => violates(error, 'one_open_alert_a_breach'))
  })

  it('are new ones when the breach comes back', async () => {
    await raise(broker)
    await resolve(broker, { rule: 'residue', keep: [] })
    assert.equal(await raise(broker), true)
    const { alerts } = await listAlerts(store.owner.db, OPERATOR)
    assert.deepEqual(
      alerts.map(({ resolvedAt }) => resolvedAt === null),
      [true, false],
    )
  })

  it('are resolved by rule, but for those that last and those of others', async () => {
    for (const key of ['a', 'b', 'c']) await raise(broker, { ...BREACH, key })
    await raise(broker, { ...BREACH, rule: 'direct_access', key: 'z' })
    await resolve(broker, { rule: 'residue', keep: ['b'], among: ['b', 'c'] })
    assert.deepEqual(await keys(), ['a', 'b', 'z'])
    await resolve(broker, { rule: 'residue', keep: ['b'] })
    assert.deepEqual(await keys(), ['b', 'z'])
    const [last] = await records()
    assert.equal(last?.action, 'alert.resolved')
  })

  it('are raised by broker and proxy alone, and ended by broker and portal alone', async () => {
    await assert.rejects(raise(portal), DENIED)
    await raise(proxy)
    await assert.rejects(resolve(proxy, { rule: 'residue', keep: [] }), DENIED)
    assert.deepEqual(await keys(), ['a'])
    await resolve(portal, { rule: 'residue', keep: [] })
    assert.deepEqual(await keys(), [])
  })

  it('can be neither deleted nor rewritten by any part', async () => {
    await raise(broker)
    for (const part of [broker, proxy, portal]) {
      await assert.rejects(rows(part.db, 'delete from alerts'), DENIED)
      await assert.rejects(rows(part.db, `update alerts set rule = 'residue'`), DENIED)
      await assert.rejects(rows(part.db, 'update alerts set raised_at = now()'), DENIED)
    }
    const off = `insert into alert_rules (organization_id, rule, enabled, mailed, changed_at)
                 select id, 'residue', false, true, now() from organizations`
    await assert.rejects(rows(broker.db, off), DENIED)
    await assert.rejects(rows(proxy.db, off), DENIED)
  })

  it('go by rules that hold before anybody has set one', async () => {
    const policies = await listAlertPolicies(portal.db, organization)
    assert.ok(
      policies.every(({ enabled, changed, group }) => enabled && !changed && group === null),
    )
    const delays = policies.flatMap(({ rule, afterSeconds }) =>
      afterSeconds === null ? [] : [`${rule} ${String(afterSeconds)}`],
    )
    assert.deepEqual(delays, [
      'removal_late 10',
      'grant_late 10',
      'end_late 5',
      'data_source_unreachable 30',
      'mail_failing 300',
    ])
  })
})
