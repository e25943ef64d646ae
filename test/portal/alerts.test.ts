import assert from 'node:assert/strict'
import { ALERT_RULES, raiseAlert, resolveAlerts, type AlertRule } from '../../db/alerts.ts'
import { createGroup } from '../../db/groups.ts'
import { rows, storeTime } from '../../db/store.ts'
import { requestSession } from '../../broker/sessions/lifecycle.ts'
import type { SessionId } from '../../lib/ids.ts'
import { openPortal, type Browser, type TestPortal } from '../support/portal.ts'
import { makeWorld, type Name, type World } from '../support/world.ts'

describe('portal/alerts', () => {
  let world: World
  let portal: TestPortal
  const browsers = new Map<Name, Browser>()

  before(async () => {
    world = await makeWorld()
    portal = await openPortal(world)
    for (const name of ['mark', 'admin', 'audrey'] as const) {
      browsers.set(name, await portal.signedIn(name))
    }
  })
  beforeEach(async () => {
    await rows(world.owner.db, 'delete from alerts')
    await rows(world.owner.db, 'delete from alert_rules')
  })
  after(async () => {
    await portal.close()
    await world.close()
  })

  const page = async (name: Name, path: string): Promise<string> => {
    const answer = await browsers.get(name)?.get(path)
    assert.equal(answer?.status, 200)
    return answer.text
  }
  const raise = (rule: AlertRule, key: string, sessionId?: SessionId): Promise<boolean> =>
    world.broker.change(async (tx) =>
      raiseAlert(tx, world.origins.admin, await storeTime(tx), {
        rule,
        key,
        detail: `Breach ${key}.`,
        dataSourceId: world.dataSource.id,
        ...(sessionId === undefined ? {} : { sessionId }),
      }),
    )
  const resolve = (rule: AlertRule): Promise<void> =>
    world.broker.change(async (tx) =>
      resolveAlerts(tx, world.origins.admin, await storeTime(tx), { rule, keep: [] }),
    )
  const badge = (html: string): string | undefined =>
    /Alerts\s*<span class="waiting">(\d+)<span class="unseen"> open<\/span>/.exec(html)?.[1]
  const rowsOf = (html: string): string[] =>
    [...html.matchAll(/data-alert-id="[^"]+" data-rule="([^"]+)"/g)].map(([, rule]) => rule ?? '')

  it('says that nothing is wrong where nothing is', async () => {
    const html = await page('admin', '/alerts')
    assert.match(html, /Nothing is wrong/)
    assert.match(html, /Daypass looks every 5 seconds\./)
    assert.equal(badge(html), undefined)
  })

  it('shows what is wrong on top, with its session and data source, and counts it in the menu', async () => {
    const { id } = await requestSession(world.portal, world.scopes.mark, world.origins.mark, {
      dataSource: 'shop',
      roles: ['role1'],
      justification: 'ticket 7',
    })
    await raise('residue', 'old')
    await resolve('residue')
    await raise('removal_late', id, id)
    for (const name of ['admin', 'audrey'] as const) {
      const html = await page(name, '/alerts')
      assert.deepEqual(rowsOf(html), ['removal_late', 'residue'])
      assert.match(html, /A database user outlived its session/)
      assert.match(html, new RegExp(`href="/sessions/${id}"`))
      assert.match(html, /<span class="tag">shop<\/span>/)
      assert.equal(badge(html), '1')
      assert.match(html, /<span class="state" data-state="refused">open<\/span>/)
      assert.match(html, /<span class="state" data-state="ok">resolved<\/span>/)
    }
    const own = await page('mark', '/sessions')
    assert.doesNotMatch(own, /href="\/alerts"/)
    const session = await page('audrey', `/sessions/${id}`)
    assert.match(session, /An alert was raised/, 'the session has it in its own story')
  })

  it('shows text from outside as text', async () => {
    await raise('residue', '<script>alert(1)</script>\u202e')
    const html = await page('admin', '/alerts')
    assert.match(html, /Breach &lt;script&gt;alert\(1\)&lt;\/script&gt;\\u202e\./)
  })

  it('turns the pages of what is resolved', async () => {
    await world.broker.change(async (tx) => {
      const at = await storeTime(tx)
      for (let n = 0; n < 60; n += 1) {
        const detail = `leftover ${String(n)}.`
        const breach = { rule: 'residue' as const, key: String(n), detail }
        await raiseAlert(tx, world.origins.admin, at.plus({ milliseconds: n }), breach)
      }
    })
    await resolve('residue')
    const first = await page('admin', '/alerts')
    assert.equal(rowsOf(first).length, 50)
    const [, older] = /rel="next" href="([^"]+)"/.exec(first) ?? []
    assert.ok(older)
    const second = await page('admin', older)
    assert.equal(rowsOf(second).length, 10)
    assert.match(second, /leftover 0\./)
    assert.match(second, /rel="first" href="\/alerts"/)
  })

  it('changes a rule with a record of what it was and is, and shows which are off', async () => {
    await world.owner.change((tx) =>
      createGroup(tx, world.origins.admin, { name: 'on call', memberIds: [world.people.john.id] }),
    )
    await raise('residue', 'one')
    const admin = browsers.get('admin')
    const answer = await admin?.post('/alerts/rules', { rule: 'residue', group: 'on call' })
    assert.equal(answer?.status, 303)

    const html = await page('admin', '/alerts')
    assert.match(html, /Switched off, so nobody is told:[\s\S]*A session left something behind/)
    assert.deepEqual(rowsOf(html), ['residue'], 'and no longer open')
    assert.equal(badge(html), undefined)
    assert.match(await page('audrey', '/alerts/rules'), /off, at once, not mailed/)

    const records = await rows<{ action: string; details: Record<string, string> }>(
      world.owner.db,
      `select action, cast(body as jsonb) -> 'details' as details
         from records where area = 'alerts' order by at desc, seq desc limit 2`,
    )
    assert.deepEqual(
      records.map(({ action }) => action),
      ['alert.resolved', 'alert.rule_changed'],
    )
    assert.equal(records[0]?.details['why'], 'the rule was switched off')
    assert.deepEqual(records[1]?.details, {
      before: 'on, at once, mailed to every admin',
      after: 'off, at once, not mailed',
    })
  })

  it('says what to mend in a rule, at its field, and keeps what was typed', async () => {
    const admin = browsers.get('admin')
    const posted = { rule: 'grant_late', enabled: 'true', afterSeconds: '1.5', group: '' }
    const answer = await admin?.post('/alerts/rules', posted)
    assert.equal(answer?.status, 422)
    assert.match(answer.text, /href="#afterSeconds-grant_late">Give a whole number of seconds/)
    assert.match(answer.text, /id="afterSeconds-grant_late" value="1\.5"/)

    const unknown = await admin?.post('/alerts/rules', { ...posted, afterSeconds: '', group: 'x' })
    assert.equal(unknown?.status, 422)
    assert.match(unknown.text, /There is no group x\./)
    assert.deepEqual(await rows(world.owner.db, 'select from alert_rules'), [])
  })

  it('lets nobody but an admin change a rule, and shows no form to others', async () => {
    const html = await page('audrey', '/alerts/rules')
    assert.doesNotMatch(html, /action="\/alerts\/rules"/)
    const answer = await browsers.get('audrey')?.post('/alerts/rules', { rule: 'residue' })
    assert.equal(answer?.status, 404)
    const call = await portal.api('audrey').post('/alerts/rules', RULE)
    assert.equal(call.status, 403)
    assert.deepEqual(await rows(world.owner.db, 'select from alert_rules'), [])
  })

  it('answers the API with the same', async () => {
    await raise('residue', 'old')
    await resolve('residue')
    await raise('direct_access', 'shop')
    const all = await portal.api('audrey').get('/alerts')
    const open = await portal.api('admin').get('/alerts?open=true')
    const wrong = await portal.api('admin').get('/alerts?open=perhaps')
    const body = open.body as { alerts: Record<string, unknown>[]; next: unknown }
    const { alerts, next } = body
    assert.equal((all.body as { alerts: unknown[] }).alerts.length, 2)
    assert.equal(alerts.length, 1)
    assert.equal(next, null)
    assert.deepEqual(
      { ...alerts[0], id: '', raisedAt: '', seenAt: '' },
      {
        id: '',
        rule: 'direct_access',
        title: 'Session users may reach the data source past the proxy',
        key: 'shop',
        detail: 'Breach shop.',
        sessionId: null,
        dataSource: 'shop',
        raisedAt: '',
        seenAt: '',
        resolvedAt: null,
      },
    )
    assert.equal(wrong.status, 422)

    const set = await portal.api('admin').post('/alerts/rules', { ...RULE, afterSeconds: 60 })
    assert.deepEqual(set.body, {
      rule: 'removal_late',
      title: 'A database user outlived its session',
      enabled: true,
      afterSeconds: 60,
      mailed: false,
      group: null,
    })
    const senseless = { ...RULE, rule: 'residue', afterSeconds: 60 }
    assert.equal((await portal.api('admin').post('/alerts/rules', senseless)).status, 422)
    const rules = await portal.api('audrey').get('/alerts/rules')
    assert.deepEqual(
      (rules.body as { rules: { rule: AlertRule }[] }).rules.map(({ rule }) => rule),
      ALERT_RULES,
    )
  })

  it('gives the numbers to whoever watches from outside', async () => {
    await rows(world.owner.db, 'delete from mails')
    await raise('removal_late', '1')
    await raise('residue', 'a')
    await resolve('residue')
    const { text } = await portal.api('admin').get('/metrics')
    for (const line of [
      'daypass_alerts{rule="removal_late"} 1',
      'daypass_alerts{rule="residue"} 0',
      'daypass_alerts_raised_total{rule="residue"} 1',
      'daypass_jobs{kind="removal"} 0',
      'daypass_removals_pending 0',
      'daypass_removals_blocked 0',
      'daypass_oldest_removal_seconds 0',
      'daypass_grants_due 0',
      'daypass_mails_waiting 0',
      'daypass_tasks_last_hour{outcome="failed"} 0',
      'daypass_work_counted 1',
    ]) {
      assert.ok(text.split('\n').includes(line), `${line} in\n${text}`)
    }
    const again = await portal.api('admin').get('/metrics')
    assert.match(again.text, /daypass_alerts_raised_total\{rule="residue"\} 1\n/)
  })
})

const RULE = { rule: 'removal_late', enabled: true, mailed: false }
