import assert from 'node:assert/strict'
import { rows } from '../../db/store.ts'
import { parseSessionId, type SessionId } from '../../lib/ids.ts'
import { makeBroker } from '../support/broker.ts'
import { openPortal, type Browser, type TestPortal } from '../support/portal.ts'
import { bodyOf } from '../support/problem.ts'
import { makeWorld, type Name, type World } from '../support/world.ts'

const LONG = `Refunds of order 1207.\n\n${'Each region is done for itself. '.repeat(60)}`.slice(
  0,
  1_990,
)
const NAMES = { mark: 'Mark Rivera', john: 'John Park', admin: 'Ada Lind', audrey: 'Audrey Roy' }

describe('what the pages of sessions say first', () => {
  let world: World
  let portal: TestPortal
  const browsers = new Map<Name, Browser>()

  before(async function () {
    this.timeout(60_000)
    world = await makeWorld()
    for (const [username, name] of Object.entries(NAMES)) {
      await rows(
        world.owner.db,
        'update people set display_name = :name where username = :username',
        {
          name,
          username,
        },
      )
    }
    await rows(world.owner.db, `update roles set maximum_minutes = 480 where name = 'role2'`)
    portal = await openPortal(world)
  })
  after(async () => {
    await portal.close()
    await world.close()
  })

  it('the card names the roles, and whom each of them waits for', async () => {
    const id = await ask(['role1', 'role3'])
    const own = cardIn(await read('mark', `/sessions/${id}`))
    assert.match(own, /Waits for role1 John Park \(john\) role3 Ada Lind \(admin\)/)
    assert.match(own, /Requester Mark Rivera \(mark\) Data source shop Roles role1 role3/)
    assert.match(own, /Planned end \d{4}-/)
    const approver = cardIn(await read('john', `/sessions/${id}`))
    assert.match(approver, /Waits for role1 you role3 Ada Lind \(admin\)/)
    await end('mark', id, 'cancellation')
    const over = cardIn(await read('mark', `/sessions/${id}`))
    assert.doesNotMatch(over, /Waits for/)
    assert.match(over, /Canceled by Mark Rivera \(mark\)/)
  })

  it('a denial stands above the justification: of which role, by whom and why', async () => {
    const id = await ask(['role1', 'role3'])
    await act('john', `/sessions/${id}/denial`, { reason: 'not during the sale' })
    const page = await read('mark', `/sessions/${id}`)
    assert.match(
      cardIn(page),
      /Denied by John Park \(john\) role1 \d{4}-[^]*? not during the sale [^]*Justification/,
    )
    assert.doesNotMatch(page, /data-state="PENDING"/)
    assert.match(page, /never decided, 0 of 1 approval/)
  })

  it('a window that was cut short had a planned end, one that ran out an end', async () => {
    const [cut, ran] = [await ask(['role2']), await ask(['role2'])]
    const broker = makeBroker(world)
    await broker.tick()
    await rows(
      world.owner.db,
      `update sessions
          set start_at = now() - interval '5 minutes', end_at = now() - interval '1 second'
        where id = :ran`,
      { ran },
    )
    await end('admin', cut, 'termination', 'maintenance')
    await broker.tick()
    const early = cardIn(await read('mark', `/sessions/${cut}`))
    assert.match(early, /Terminated by Ada Lind \(admin\) [^]* maintenance/)
    assert.match(early, /Planned end \d{4}-/)
    const late = cardIn(await read('mark', `/sessions/${ran}`))
    assert.match(late, /Expired /)
    assert.doesNotMatch(late, /Planned end/)
    const history = await read('audrey', '/history')
    assert.match(history, /Mark Rivera \(mark\)/)
    assert.match(history, /terminated by Ada Lind \(admin\): maintenance/)
  })

  it('a long justification is folded by the page itself, and whole behind the fold', async () => {
    const id = await ask(['role1'], LONG)
    for (const [path, key] of [
      [`/sessions/${id}`, 'justification'],
      ['/approvals', id],
    ] as const) {
      const page = await read('john', path)
      const fold = new RegExp(
        `<blockquote class="quote">([^<]*)</blockquote>\\s*<details class="fold" data-fold="${key}"><summary>The rest, [\\d,]+ characters more</summary><blockquote class="quote">([^<]*)<`,
      )
      const [, beginning = '', rest = ''] = fold.exec(page) ?? []
      assert.equal(wordsOf(`${beginning} ${rest}`), wordsOf(LONG), path)
    }
    const story = (await read('john', `/sessions/${id}`)).split('id="story"')[1] ?? ''
    assert.match(story, /<div class="small">Refunds of order 1207\.<\/div>\s*<details class="fold"/)
    await end('mark', id, 'cancellation')
  })

  it('an end is at the top of the page: who loses what, and whether a reason is required', async () => {
    const id = await ask(['role2'])
    const early = await read('admin', `/sessions/${id}`)
    assert.match(early, /It ends at once and is never granted\./)
    await makeBroker(world).tick()
    const page = await read('admin', `/sessions/${id}`)
    assert.match(page, /href="#terminate-reason">End it</)
    const foot = page.slice(page.indexOf('class="coupon-foot"'), page.indexOf('id="roles"'))
    assert.match(foot, /<summary>Terminate session \d+<\/summary>/)
    assert.match(foot, /mark loses every connection at once; the session user is removed\./)
    assert.match(foot, /for="terminate-reason">Reason <span class="hint">\(required\)<\/span>/)
    assert.match(foot, new RegExp(`type="submit">Terminate session ${id}</button>`))
    const own = await read('mark', `/sessions/${id}`)
    assert.match(own, /href="#cancel-reason">End it</)
    assert.match(own, /for="cancel-reason">Reason <span class="hint">\(optional\)</)
    assert.match(own, /Your connections are cut at once; the session user is removed\./)
    assert.match(await read('admin', '/sessions'), /mark loses every connection at once/)
    await end('mark', id, 'cancellation')
  })

  it('who has decided goes on with the next request, until none is left', async () => {
    const [first, second] = [await ask(['role1']), await ask(['role1'])]
    const john = await portal.signedIn('john')
    const queue = (await john.get('/approvals')).text
    assert.doesNotMatch(queue, /Next request/)
    assert.match(queue, new RegExp(`type="submit">Deny session ${first}</button>`))
    assert.match(queue, /The whole request is denied at once, and mark sees your reason\./)
    const denied = await john.post(`/sessions/${first}/denial`, { reason: 'no' }, '/approvals')
    assert.equal(denied.get('location'), '/approvals')
    const next = (await john.get('/approvals')).text
    assert.match(
      next,
      new RegExp(`data-flash[^>]*>Denied. Session ${first} is over, and mark sees`),
    )
    assert.match(next, new RegExp(`href="#request-${second}">Next request: session ${second}<`))
    assert.match(next, new RegExp(`id="request-${second}"`))
    await john.post(`/sessions/${second}/approval`, {}, `/sessions/${second}`)
    const done = (await john.get('/approvals')).text
    assert.match(done, new RegExp(`Approved. Session ${second} has all its approvals`))
    assert.doesNotMatch(done, /Next request/)
    await end('mark', second, 'cancellation')
  })

  it('votes are told in every zone of the reader, and in UTC', async () => {
    await setZone('Europe/Warsaw')
    const id = await ask(['role1', 'role3'])
    await act('john', `/sessions/${id}/approval`, { comment: 'fine' })
    const mark = await portal.signedIn('mark')
    const voteIn = async () => {
      const { text } = await mark.get(`/sessions/${id}`)
      return textOf(/<ul class="plain votes small">[^]*?<\/ul>/.exec(text)?.[0] ?? '')
    }
    assert.match(await voteIn(), /John Park \(john\) approved, [^(]* UTC \+[12] \([^(]*:\d\d UTC\)/)
    const zone = { dataSource: 'shop', zone: 'Asia/Kolkata' }
    await mark.post('/sessions/preview', zone, '/sessions/new?dataSource=shop')
    assert.match(await voteIn(), /UTC \+[12] \([^(]* UTC \+5:30\) \([^(]*:\d\d UTC\) : fine/)
    await end('mark', id, 'cancellation')
    await setZone('UTC')
  })

  it('the history begins with what ended last, and its pages follow on each other', async () => {
    const [early, middle, late] = [await ask(['role1']), await ask(['role1']), await ask(['role1'])]
    for (const id of [middle, late, early]) await end('mark', id, 'cancellation')
    // within a millisecond two ends would be told apart by their ids
    for (const [id, ago] of [
      [early, 0],
      [late, 1],
      [middle, 2],
    ] as const) {
      await rows(
        world.owner.db,
        `update sessions set ended_at = now() + interval '1 hour' - make_interval(secs => :ago) where id = :id`,
        { id, ago },
      )
    }
    assert.deepEqual(idsIn(await read('mark', '/history')).slice(0, 3), [early, late, middle])
    const rest = idsIn(await read('mark', `/history?before=${late}`))
    assert.equal(rest[0], middle)
    assert.ok(!rest.includes(early) && !rest.includes(late))
  })

  it('lengths are told in hours, and what is asked for is previewed', async () => {
    const page = await read('mark', '/sessions/new?dataSource=shop&roles=role1&roles=role2')
    assert.match(page, /Approved at once · no approval needed · up to 8 h</)
    assert.match(page, /Approved by John Park \(john\) · 1 approval needed · up to 1 h</)
    assert.match(page, /<dd>Approved by John Park \(john\), 1 approval needed</)
    assert.match(page, />Preview the request<\/button>/)
  })

  async function ask(roles: readonly string[], justification = 'ticket 7'): Promise<SessionId> {
    const asked = { dataSource: 'shop', roles, minutes: 20, justification }
    const id = parseSessionId(
      String(bodyOf(await portal.api('mark').post('/sessions', asked))['id']),
    )
    assert.ok(id)
    return id
  }

  async function act(who: Name, path: string, body: object): Promise<void> {
    const answer = await portal.api(who).post(path, body)
    assert.equal(answer.status, 200, answer.text)
  }

  function end(who: Name, id: SessionId, how: string, reason = 'done'): Promise<void> {
    return act(who, `/sessions/${id}/${how}`, { reason })
  }

  async function read(who: Name, path: string): Promise<string> {
    const browser = browsers.get(who) ?? (await portal.signedIn(who))
    browsers.set(who, browser)
    return (await browser.get(path)).text
  }

  function setZone(zone: string) {
    return rows(
      world.owner.db,
      `insert into settings (name, value) values ('time_zone', :zone)
           on conflict (name) do update set value = :zone`,
      { zone },
    )
  }
})

/** The words of a piece of a page, as one reads them. */
function textOf(html: string): string {
  return wordsOf(html.replace(/<[^>]*>/g, ' '))
}

function wordsOf(text: string): string {
  return text.replace(/\s+/g, ' ').trim()
}

function cardIn(page: string): string {
  return textOf(/<article class="pass"[^]*?<\/article>/.exec(page)?.[0] ?? '')
}

function idsIn(page: string): string[] {
  return [...page.matchAll(/<li data-session-id="(\d+)"/g)].map(([, id = '']) => id)
}
