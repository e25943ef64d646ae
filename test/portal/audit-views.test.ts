import assert from 'node:assert/strict'
import type { RecordDraft } from '../../db/audit-log.ts'
import { ACTIONS, appendRecords } from '../../db/audit-log.ts'
import { rows, storeTime } from '../../db/store.ts'
import { readAuditForm } from '../../portal/forms/audit-filter.ts'
import {
  actionsOf,
  areasOf,
  AREAS,
  AUDIT_VIEW_NAMES,
  COLUMN_NAMES,
} from '../../portal/presenters/audit-views.ts'
import { openPortal, type Browser, type TestPortal } from '../support/portal.ts'
import { makeWorld, type World } from '../support/world.ts'

const DRAFTS: readonly RecordDraft[] = [
  {
    action: 'data_source.changed',
    area: 'data sources',
    outcome: 'ok',
    subject: { type: 'data_source', id: 'a', name: 'warehouse' },
    details: { tls: 'verify-full', policy_sha256: 'abc', note: '' },
  },
  {
    action: 'user.role_changed',
    area: 'users',
    outcome: 'ok',
    subject: { type: 'person', id: 'b', name: 'zoe' },
  },
  {
    action: 'task.failed',
    area: 'tasks',
    outcome: 'failed',
    subject: { type: 'task', id: 'reconcile', name: 'reconcile' },
    details: { error: 'refused', summary: 'the data source was away' },
  },
  {
    action: 'role.denied',
    area: 'sessions',
    outcome: 'ok',
    scope: 'role',
    state: 'DENIED',
    reason: 'not today',
  },
]

/** The store's own tasks succeed now and then. */
const FAILED = 'view=tasks&action=task.failed'

describe('the views of the Audit tab', () => {
  let world: World
  let portal: TestPortal
  let audrey: Browser

  before(async function () {
    this.timeout(60_000)
    world = await makeWorld()
    const at = await storeTime(world.portal.db)
    await world.portal.change((tx) =>
      appendRecords(
        tx,
        DRAFTS.map((draft) => ({ origin: world.origins.john, at, draft })),
      ),
    )
    portal = await openPortal(world)
    audrey = await portal.signedIn('audrey')
  })
  after(async () => {
    await portal.close()
    await world.close()
  })

  const open = async (path: string): Promise<string> => (await audrey.get(path)).text
  const headings = (html: string): string[] =>
    [...html.matchAll(/<th scope="col"[^>]*>([^<]+)</g)].map(([, text]) => text ?? '')
  const actionsIn = (html: string): Set<string> =>
    new Set([...html.matchAll(/<code title="([a-z_.]+)"/g)].map(([, text]) => text ?? ''))
  const offered = (html: string, name: string): string[] =>
    [...html.matchAll(new RegExp(`name="${name}" id="[^"]+" value="([^"]+)"`, 'g'))].map(
      ([, value]) => value ?? '',
    )

  it('each show the records of their areas, with the columns that say something there', async () => {
    const resources = await open('/audit?view=resources')
    assert.ok(actionsIn(resources).has('data_source.changed'))
    assert.ok(![...actionsIn(resources)].some((action) => /^(user|task|auth|token)\./.test(action)))
    assert.deepEqual(headings(resources).slice(1, 4), ['Action', 'Area', 'Actor'])
    const users = await open('/audit?view=users')
    assert.ok(actionsIn(users).has('user.role_changed') && actionsIn(users).has('auth.login'))
    assert.ok(headings(users).includes('Company name') && headings(users).includes('Account ID'))
    const tasks = await open('/audit?view=tasks')
    assert.ok([...actionsIn(tasks)].every((action) => action.startsWith('task.')))
    assert.match(tasks, /the data source was away; error: refused/)
    assert.match(tasks, /<span class="tag outcome">failed</)
  })

  it('offer the verbs and areas of the view alone, each with its count', async () => {
    const html = await open('/audit?view=resources')
    assert.deepEqual(offered(html, 'action'), [...actionsOf('resources')])
    assert.deepEqual(offered(html, 'area'), [...areasOf('resources')])
    assert.match(
      html,
      /value="data_source\.changed"[\s\S]{0,160}?<span class="hush number"[^>]*>1</,
    )
    assert.deepEqual(offered(await open('/audit'), 'area'), ['sessions'])
    assert.deepEqual(offered(await open('/audit?view=all'), 'area'), AREAS)
  })

  it('know every verb that is wired, and together miss none', () => {
    assert.deepEqual(new Set(actionsOf('all')), new Set(ACTIONS))
    for (const view of AUDIT_VIEW_NAMES) assert.ok(actionsOf(view).length > 0, view)
  })

  it('know the area of every record that is written', async () => {
    const written = await rows<{ action: string; area: string }>(
      world.owner.db,
      'select distinct action, area from records',
    )
    for (const { action, area } of written) {
      const views = AUDIT_VIEW_NAMES.filter((view) => areasOf(view).some((name) => name === area))
      assert.ok(views.includes('all'), area)
      for (const view of views.filter((name) => name !== 'sessions')) {
        assert.ok(
          actionsOf(view).some((name) => name === action),
          `${action} in ${view}`,
        )
      }
    }
  })

  it('narrow by several verbs and areas, and say so at the field where none is so called', async () => {
    const html = await open('/audit?view=all&action=user.role_changed&action=task.failed')
    assert.deepEqual(actionsIn(html), new Set(['user.role_changed', 'task.failed']))
    const byArea = await open('/audit?view=all&area=users,tasks&subject=ZO*')
    assert.deepEqual(actionsIn(byArea), new Set(['user.role_changed']))
    const wrong = await audrey.get('/audit?view=all&area=cellar')
    assert.equal(wrong.status, 422)
    assert.match(wrong.text, /id="area-error">No area is called cellar/)
    const elsewhere = await audrey.get('/audit?view=tasks&area=users')
    assert.match(elsewhere.text, /Task audit holds nothing of users/)
  })

  it('take a pattern of verbs in the address, and not beside others', () => {
    const zones = { central: 'UTC' }
    assert.equal(readAuditForm({ action: 'session.*' }, zones).filter.action, 'session.*')
    const { mistakes } = readAuditForm({ action: ['session.*', 'auth.login'] }, zones)
    assert.match(mistakes['action'] ?? '', /session\.\* is no action of the list/)
  })

  it('say what a record without a session is about, where the blanks would be', async () => {
    const html = await open('/audit?view=all&area=data+sources&action=data_source.changed')
    const about = /<td class="about"[^>]*colspan="(\d)"[^>]*>([\s\S]*?)<\/td>/.exec(html)
    assert.equal(about?.[1], '6')
    assert.match(about[2] ?? '', /data source warehouse · tls: verify-full/)
    assert.doesNotMatch(about[2] ?? '', /sha256|note/)
  })

  it('keep when and who from one view to the next, and drop what means nothing there', async () => {
    const html = await open('/audit?range=7d&actor=john&state=DENIED&scope=role')
    const to = (label: string): string =>
      new RegExp(`href="([^"]+)"\\s*>${label}<`).exec(html)?.[1]?.replaceAll('&amp;', '&') ?? ''
    assert.equal(to('User audit'), '/audit?range=7d&actor=john&view=users&zone=central')
    assert.match(to('All records'), /actor=john&state=DENIED&scope=role&view=all/)
  })

  it('show the columns of choice in the order of the contract, in this view and for this person', async () => {
    const chosen = await audrey
      .get('/audit?columns=at&columns=details&columns=actor&columns=accountId')
      .set('sec-fetch-site', 'same-origin')
    const expected = ['Log Timestamp (UTC)', 'Actor', 'Account ID', 'Details']
    assert.deepEqual(headings(chosen.text), expected)
    const again = await portal.signedIn('audrey')
    assert.deepEqual(headings((await again.get('/audit')).text), expected)
    assert.equal(headings((await again.get('/audit?view=all')).text).length, 13)
    // a link that names columns shows them once
    await again.get('/audit?columns=at,reason').set('sec-fetch-site', 'same-origin')
    assert.deepEqual(headings((await again.get('/audit')).text), expected)
    await again.get('/audit?columns=default').set('sec-fetch-site', 'same-origin')
    assert.deepEqual(headings((await again.get('/audit')).text).length, 13)
    const wrong = await again.get('/audit?columns=at,shoe')
    assert.match(wrong.text, /No column is called shoe/)
    assert.deepEqual(offered(wrong.text, 'columns'), [...COLUMN_NAMES])
  })

  it('count what came since the newest record on the page', async () => {
    const html = await open(`/audit?${FAILED}`)
    const from = /data-news-from="([^"]+)"/.exec(html)?.[1]?.replaceAll('&amp;', '&') ?? ''
    const news = () => audrey.get(from).set('x-daypass-part', '1')
    assert.match((await news()).text, /No record came since/)
    const [, , draft] = DRAFTS
    assert.ok(draft)
    const at = await storeTime(world.portal.db)
    await world.portal.change((tx) =>
      appendRecords(tx, [
        { origin: world.origins.john, at, draft },
        { origin: world.origins.john, at, draft },
      ]),
    )
    const { text } = await news()
    assert.match(
      text,
      /<a href="\/audit\?action=task\.failed&amp;view=tasks&amp;zone=central">2 new records<\/a>/,
    )
  })

  it('lead from one record to the next of the same filter', async () => {
    const html = await open(`/audit?${FAILED}`)
    const links = [...html.matchAll(/href="(\/audit\/[0-9a-f-]{36}\?[^"]+)"/g)].map(([, href]) =>
      (href ?? '').replaceAll('&amp;', '&'),
    )
    assert.equal(links.length, 3)
    const middle = await open(links[1] ?? '')
    const to = (rel: string): string | undefined =>
      new RegExp(`rel="${rel}" href="([^"]+)"`).exec(middle)?.[1]?.replaceAll('&amp;', '&')
    assert.equal(to('prev'), links[0])
    assert.equal(to('next'), links[2])
    assert.doesNotMatch(await open(links[0] ?? ''), /rel="prev"/)
    assert.doesNotMatch(await open(links[2] ?? ''), /rel="next"/)
  })

  it('say what was looked through where free text finds nothing', async () => {
    const { text } = await audrey.get('/audit?view=users&q=%3Ci%3Enothing')
    assert.match(text, /“&lt;i&gt;nothing” was looked for in action, actor/)
    assert.match(text, /in User audit\./)
  })
})
