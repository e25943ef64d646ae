import assert from 'node:assert/strict'
import { requestSession } from '../../broker/sessions/lifecycle.ts'
import { getSessionNames } from '../../db/session-snapshots.ts'
import { getRow, rows, storeTime } from '../../db/store.ts'
import { recordTask, type TaskRun } from '../../db/task-records.ts'
import type { SessionId } from '../../lib/ids.ts'
import { openPortal, type Browser, type TestPortal } from '../support/portal.ts'
import { bodyOf } from '../support/problem.ts'
import { makeWorld, type Name, type World } from '../support/world.ts'

describe('portal/tasks', () => {
  let world: World
  let portal: TestPortal
  let session: SessionId
  const browsers = new Map<Name, Browser>()

  before(async () => {
    world = await makeWorld()
    portal = await openPortal(world)
    for (const name of ['admin', 'audrey'] as const) {
      browsers.set(name, await portal.signedIn(name))
    }
    const { id } = await requestSession(world.portal, world.scopes.mark, world.origins.mark, {
      dataSource: 'shop',
      roles: ['role1'],
      justification: 'ticket 7',
    })
    session = id
    // what setting the world up has left of this kind
    await rows(world.owner.db, `delete from records where area = 'tasks'`)
  })
  after(async () => {
    await portal.close()
    await world.close()
  })

  const did = (run: Partial<TaskRun> & Pick<TaskRun, 'task'>, seconds = 0): Promise<void> =>
    world.broker.change(async (tx) => {
      const at = await storeTime(tx)
      await recordTask(tx, world.origins.admin, at, {
        outcome: 'ok',
        result: 'It was done.',
        startedAt: at.minus({ seconds }),
        ...run,
      })
    })
  const page = async (name: Name, path: string, status = 200): Promise<string> => {
    // as a page of our own asks: a link from elsewhere is not remembered
    const answer = await browsers.get(name)?.get(path).set('sec-fetch-site', 'same-origin')
    assert.equal(answer?.status, status)
    return answer.text
  }
  const names = (html: string): string[] =>
    [...html.matchAll(/data-label="Task">(?:<a [^>]*>|<span>)([^<]+)</g)].map(
      ([, name]) => name ?? '',
    )

  it('says what will stand here where nothing does', async () => {
    const html = await page('admin', '/tasks')
    assert.match(html, /No tasks yet/)
  })

  it('lists what was done, with its session, times, duration, result and outcome', async () => {
    const names_ = await world.broker.change((tx) => getSessionNames(tx, session))
    await did({ task: 'grant', result: 'Granted to mark.', ...names_ }, 2.5)
    await did({ task: 'mail', outcome: 'failed', result: 'No answer from <mail>.' }, 75)
    const html = await page('audrey', '/tasks')
    assert.deepEqual(names(html), ['Letters', 'Grant a session'])
    assert.match(html, new RegExp(`href="/sessions/${session}">${session}<`))
    assert.match(html, /Granted to mark\./)
    assert.match(html, /No answer from &lt;mail&gt;\./)
    assert.match(html, /2\.50 s/)
    assert.match(html, /1 min 15 s/)
    assert.match(html, /data-state="refused">failed</)
    assert.match(html, /data-state="ok">done</)
    const [, record] = /href="(\/audit\/[^"]+)">Grant a session/.exec(html) ?? []
    assert.ok(record, 'an auditor gets to the record')
    assert.match(await page('audrey', record), /task\.succeeded/)
    assert.doesNotMatch(await page('admin', '/tasks'), /href="\/audit\//, 'others do not')
  })

  it('shows times in the zone that was chosen, and remembers it', async () => {
    const warsaw = await page('audrey', '/tasks?zone=Asia/Kolkata')
    assert.match(warsaw, /Started \(UTC \+5:30\)/)
    assert.match(await page('audrey', '/tasks'), /Started \(UTC \+5:30\)/)
    assert.match(await page('audrey', '/tasks?zone=utc'), /Started \(UTC\)/)
  })

  it('narrows by task, outcome, session and time, all at once', async () => {
    await did({ task: 'check' })
    assert.deepEqual(names(await page('admin', '/tasks?task=check')), [
      'Test a data source or role',
    ])
    assert.deepEqual(names(await page('admin', '/tasks?outcome=failed')), ['Letters'])
    assert.deepEqual(names(await page('admin', `/tasks?session=${session}`)), ['Grant a session'])
    const none = await page('admin', `/tasks?session=${session}&outcome=failed`)
    assert.match(none, /No tasks match/)
    assert.match(none, /href="\/tasks\?zone=central">Clear all filters/)
    assert.deepEqual(names(await page('admin', '/tasks?until=2020-01-01')), [])
    assert.equal(names(await page('admin', '/tasks?since=2020-01-01')).length, 3)
  })

  it('says what to mend in a filter and narrows by the others', async () => {
    const html = await page('admin', '/tasks?task=nap&session=x&outcome=failed', 422)
    assert.match(html, /No task is called nap/)
    assert.match(html, /A session ID is a whole number/)
    assert.deepEqual(names(html), ['Letters'])
    const wrong = await portal.api('admin').get('/tasks?task=nap&since=soon')
    assert.equal(wrong.status, 422)
    const { errors } = wrong.body as { errors: { field: string }[] }
    assert.deepEqual(errors.map(({ field }) => field).sort(), ['since', 'task'])
  })

  it("shows the store's own work by what it was about", async () => {
    const { month, partition, name } = await getRow<Record<'month' | 'partition' | 'name', string>>(
      world.owner.db,
      `select day::text as month, to_char(day, '"statements_"YYYY_MM') as partition,
              to_char(day, 'FMMonth YYYY') as name
         from cast(now() + interval '300 days' as date) as day`,
    )
    await rows(world.broker.db, 'select add_partitions(cast(:month as date))', { month })
    const html = await page('admin', '/tasks?task=upkeep')
    assert.equal(names(html).length, 3)
    const sentence = `The partition ${partition} was made, for ${name}.`
    assert.match(html, new RegExp(`>${sentence}<`))
    const { tasks } = bodyOf(await portal.api('admin').get('/tasks?task=upkeep'))
    assert.ok(JSON.stringify(tasks).includes(`"${sentence}"`))
    assert.deepEqual(names(await page('admin', '/tasks?task=grant')), ['Grant a session'])
  })

  it('turns pages by place, not by number, and the API with them', async () => {
    await world.broker.change(async (tx) => {
      const at = await storeTime(tx)
      for (let n = 0; n < 110; n += 1) {
        const run = {
          task: 'expiry' as const,
          outcome: 'ok' as const,
          result: `number ${String(n)}.`,
        }
        await recordTask(tx, world.origins.admin, at, { ...run, startedAt: at })
      }
    })
    const first = await page('admin', '/tasks?task=expiry')
    assert.equal(names(first).length, 100)
    await did({ task: 'expiry', result: 'one more meanwhile.' })
    const [, older] = /rel="next" href="([^"]+)"/.exec(first) ?? []
    const second = await page('admin', (older ?? '').replaceAll('&amp;', '&'))
    assert.equal(names(second).length, 10)
    assert.match(second, /number 0\./)
    assert.match(second, /Tasks 101 to 110/)

    const seen: unknown[] = []
    for (let path = '/tasks?task=expiry'; ;) {
      const answer = await portal.api('audrey').get(path)
      const { tasks, next } = answer.body as {
        tasks: { result: unknown }[]
        next: string | null
      }
      seen.push(...tasks.map(({ result }) => result))
      if (next === null) break
      path = `/tasks?task=expiry&cursor=${next}`
    }
    assert.equal(new Set(seen).size, 111)
    const one = await portal.api('audrey').get(`/tasks?session=${session}`)
    const [task] = (one.body as { tasks: Record<string, unknown>[] }).tasks
    assert.equal(task?.['task'], 'grant')
    assert.equal(task['milliseconds'], 2500)
    assert.equal(task['sessionId'], session)
    assert.equal(task['outcome'], 'ok')
  })
})
