import assert from 'node:assert/strict'
import { changeAlertPolicy, type AlertPolicyChange } from '../../db/alert-rules.ts'
import { listLateGrants } from '../../db/alert-scans.ts'
import { ALERT_RULES, raiseAlert, type AlertRule } from '../../db/alerts.ts'
import { createGroup } from '../../db/groups.ts'
import { rows, storeTime } from '../../db/store.ts'
import type { SessionId } from '../../lib/ids.ts'
import { uuidv7 } from '../../lib/ids.ts'
import { silentLog, type Log } from '../../lib/log.ts'
import { Shutdown } from '../../lib/shutdown.ts'
import { cancel, requestSession } from '../../broker/sessions/lifecycle.ts'
import { startBroker } from '../../broker/main.ts'
import { heedFaults, watch } from '../../broker/scheduling/watch.ts'
import { makeBroker, until, type HandBroker } from '../support/broker.ts'
import { makeWorld, type World } from '../support/world.ts'

describe('a broker that watches for breaches', () => {
  let world: World
  let broker: HandBroker
  const logged: object[] = []
  const log: Log = { ...silentLog, error: (facts) => logged.push(facts) }

  before(async () => {
    world = await makeWorld()
    broker = makeBroker(world)
    await run(`update people set email = username || '@example.com' where username <> 'mark'`)
  })
  beforeEach(async () => {
    logged.length = 0
    await run(`delete from mails`)
    await run(`delete from alerts`)
    await run(`delete from alert_rules`)
    await run(`delete from data_source_faults`)
  })
  after(() => world.close())

  const run = (sql: string, bindings: Record<string, unknown> = {}) =>
    rows<Record<string, unknown>>(world.owner.db, sql, bindings)
  const look = (): Promise<void> => watch({ store: world.broker, log })
  const ask = async (): Promise<SessionId> => {
    const { id } = await requestSession(world.portal, world.scopes.mark, world.origins.mark, {
      dataSource: 'shop',
      roles: ['role2'],
      justification: 'ticket 7',
    })
    return id
  }
  const granted = async (): Promise<SessionId> => {
    const id = await ask()
    await broker.tick()
    return id
  }
  const canceled = async (): Promise<SessionId> => {
    const id = await granted()
    await cancel(world.portal, world.scopes.mark, world.origins.mark, id)
    return id
  }
  const alerts = () =>
    run(
      `select rule, key, detail, session_id as session, resolved_at is null as open
         from alerts order by raised_at, key`,
    )
  const open = async (): Promise<unknown[]> =>
    (await alerts()).filter(({ open: isOpen }) => isOpen).map(({ rule, key }) => [rule, key])
  const records = (rule: AlertRule) =>
    run(
      `select action, session_id as session, data_source as "dataSource"
         from records
        where area = 'alerts' and body like :subject
        order by at desc, seq desc
        limit 2`,
      { subject: `%"id":"${rule}"%` },
    )
  const letters = async (): Promise<unknown[]> =>
    (
      await run(
        `select p.username from mails m join people p on p.id = m.person_id where m.kind = 'alert_raised' order by 1`,
      )
    ).map(({ username }) => username)
  const setRule = (rule: AlertRule, change: Partial<AlertPolicyChange>): Promise<void> =>
    world.portal.change((tx) =>
      changeAlertPolicy(tx, world.origins.admin, {
        rule,
        enabled: true,
        afterSeconds: null,
        mailed: true,
        group: null,
        ...change,
      }),
    )

  it('raises a removal that is late, tells of it, and resolves it once the user is gone', async () => {
    const id = await canceled()
    await look()
    assert.deepEqual(await open(), [], 'ten seconds are allowed')

    await run(`update sessions set ended_at = ended_at - interval '11 seconds' where id = :id`, {
      id,
    })
    await look()
    const [alert] = await alerts()
    assert.ok(alert)
    assert.equal(alert['session'], id)
    assert.match(String(alert['detail']), /Session \d+ ended, and dp_mark_\S+ is still on shop/)
    const [raised] = await records('removal_late')
    assert.deepEqual(raised, { action: 'alert.raised', session: id, dataSource: 'shop' })
    assert.deepEqual(await letters(), ['admin'])
    assert.deepEqual(
      logged.map((facts) => ({ ...facts, detail: '' })),
      [{ alert: 'removal_late', key: id, detail: '' }],
    )

    await broker.tick()
    await look()
    assert.deepEqual(await open(), [])
    const [resolved] = await records('removal_late')
    assert.deepEqual(resolved, { action: 'alert.resolved', session: id, dataSource: 'shop' })
  })

  it('says why the last try at a removal failed', async () => {
    const id = await canceled()
    await run(`update session_jobs set detail = 'owner of table heirloom' where session_id = :id`, {
      id,
    })
    await run(`update sessions set ended_at = ended_at - interval '1 minute' where id = :id`, {
      id,
    })
    await look()
    assert.match(
      String((await alerts())[0]?.['detail']),
      /is still on shop; nobody can log in as it any more: owner of table heirloom/,
    )
    await broker.tick()
  })

  it('raises a grant that is late, and resolves it once the session is granted', async () => {
    const id = await ask()
    await look()
    assert.deepEqual(await open(), [], 'ten seconds are allowed')

    await run(
      `update sessions set start_at = start_at - interval '1 minute', state_since = state_since - interval '1 minute'
        where id = :id`,
      { id },
    )
    await look()
    assert.deepEqual(await open(), [['grant_late', id]])

    await broker.tick()
    await look()
    assert.deepEqual(await open(), [])
    assert.equal((await records('grant_late'))[0]?.['action'], 'alert.resolved')
  })

  it('counts from the approval where that came after the start', async () => {
    const id = await ask()
    await run(`update sessions set start_at = start_at - interval '1 minute' where id = :id`, {
      id,
    })
    await look()
    assert.deepEqual(await open(), [])
    await broker.tick()
  })

  it('takes none of many late grants for over because another one came', async () => {
    const tx = await world.owner.db.transaction()
    const late = async (count: number, startedAgo: string, since: string): Promise<void> => {
      await rows(
        tx,
        `insert into sessions (organization_id, data_source_id, requester_id, state, state_since, justification,
                               start_at, end_at, request_hash, created_at, dies_at)
         select :organization, :source, :mark, 'APPROVED', now() - cast(:since as interval), 'x',
                now() - cast(:startedAgo as interval), now() + interval '1 hour', '', now(), now() + interval '1 hour'
           from generate_series(1, cast(:count as integer))`,
        {
          organization: world.scopes.mark.organization.id,
          source: world.dataSource.id,
          mark: world.people.mark.id,
          count,
          startedAgo,
          since,
        },
      )
    }
    const keys = async (): Promise<string[]> => {
      const organizationId = world.scopes.mark.organization.id
      return (await listLateGrants(tx, { organizationId, afterSeconds: 10 })).map(({ key }) => key)
    }
    await late(250, '5 minutes', '5 minutes')
    const before = await keys()
    await late(1, '30 minutes', '20 seconds')
    const after = await keys()
    await tx.rollback()

    assert.ok(before.length < 250, 'there are more than are told of')
    assert.deepEqual(after, before)
  })

  it('raises an end that is late, and resolves it once the session has ended', async () => {
    const id = await granted()
    await run(
      `update sessions set start_at = now() - interval '1 hour', end_at = now() - interval '1 millisecond' where id = :id`,
      { id },
    )
    await look()
    assert.deepEqual(await open(), [], 'five seconds are allowed')

    await run(`update sessions set end_at = now() - interval '6 seconds' where id = :id`, { id })
    await look()
    assert.deepEqual(await open(), [['end_late', id]])

    await broker.tick()
    await look()
    assert.deepEqual(await open(), [])
    assert.equal((await records('end_late'))[0]?.['action'], 'alert.resolved')
  })

  it('raises a data source whose comparison keeps failing, until one succeeds', async () => {
    const fail = () => Promise.reject(new Error('shop is far away'))
    const { id } = world.dataSource
    await assert.rejects(heedFaults(broker.deps, id, fail), /far away/)
    await look()
    assert.deepEqual(await open(), [], 'half a minute is allowed')

    await run(`update data_source_faults set failing_since = now() - interval '31 seconds'`)
    await assert.rejects(heedFaults(broker.deps, id, fail), /far away/)
    await look()
    assert.deepEqual(await open(), [['data_source_unreachable', 'shop']])
    assert.equal((await alerts())[0]?.['detail'], 'shop is far away')
    const [raised] = await records('data_source_unreachable')
    assert.equal(raised?.['dataSource'], 'shop')

    await broker.reconcile()
    await look()
    assert.deepEqual(await open(), [])
  })

  it('raises letters that were tried in vain for five minutes, unless no letter at all is taken', async () => {
    const mail = (minutes: number) =>
      run(
        `insert into mails (id, organization_id, person_id, kind, key, due_at, tries, detail)
         values (:id, :organization, :person, 'waits_for_you', :key, now() - make_interval(mins => :minutes), 3, 'no answer')`,
        {
          id: uuidv7(),
          key: String(minutes),
          organization: world.people.admin.organizationId,
          person: world.people.admin.id,
          minutes,
        },
      )
    await mail(4)
    await look()
    assert.deepEqual(await open(), [])

    await mail(6)
    await look()
    assert.deepEqual(await open(), [['mail_failing', 'overdue letters']])
    assert.equal((await alerts())[0]?.['detail'], 'One letter waits to be sent: no answer')
    assert.deepEqual(await letters(), [], 'a letter about it would wait with the others')

    await raise('mail_failing', 'mail server')
    await look()
    assert.deepEqual(await open(), [['mail_failing', 'mail server']], "the mailer's own to resolve")
  })

  it('raises and tells once, however many brokers look at once', async () => {
    const ids = [await granted(), await granted()]
    for (const id of ids) await cancel(world.portal, world.scopes.mark, world.origins.mark, id)
    await run(
      `update sessions set ended_at = ended_at - interval '1 minute' where id in (:a, :b)`,
      {
        a: ids[0],
        b: ids[1],
      },
    )
    await Promise.all([look(), look(), look(), look()])
    await look()

    assert.equal((await alerts()).length, 2)
    assert.deepEqual(await letters(), ['admin', 'admin'])
    assert.equal(logged.length, 2)
    const told = await run(
      `select session_id from records where action = 'alert.raised' and session_id in (:a, :b)`,
      { a: ids[0], b: ids[1] },
    )
    assert.equal(told.length, 2)
    await broker.tick()
  })

  it('raises nothing for a rule that is off, whoever sees the breach, and lets go of what was open', async () => {
    const id = await canceled()
    await run(`update sessions set ended_at = ended_at - interval '1 minute' where id = :id`, {
      id,
    })
    await look()
    assert.equal((await open()).length, 1)

    await setRule('removal_late', { enabled: false })
    assert.deepEqual(await open(), [])
    await look()
    assert.deepEqual(await open(), [])
    const raised = await world.broker.change(async (tx) =>
      raiseAlert(tx, world.origins.admin, await storeTime(tx), {
        rule: 'removal_late',
        key: id,
        detail: 'seen by another',
      }),
    )
    assert.equal(raised, false)

    await setRule('removal_late', { enabled: true })
    await look()
    assert.equal((await open()).length, 1)
    await broker.tick()
  })

  it('waits as long as the rule says', async () => {
    const id = await canceled()
    await setRule('removal_late', { afterSeconds: 120 })
    await run(`update sessions set ended_at = ended_at - interval '1 minute' where id = :id`, {
      id,
    })
    await look()
    assert.deepEqual(await open(), [])

    await setRule('removal_late', { afterSeconds: 30 })
    await look()
    assert.equal((await open()).length, 1)
    await broker.tick()
  })

  it('writes letters to the group that the rule names, to those with an address', async () => {
    const { john, audrey, mark } = world.people
    const group = await world.owner.change((tx) =>
      createGroup(tx, world.origins.admin, {
        name: 'on call',
        memberIds: [john.id, audrey.id, mark.id],
      }),
    )
    await run(`update people set disabled_at = now() where id = :id`, { id: audrey.id })
    await setRule('residue', { group })
    await raise('residue', 'one')
    await look()
    assert.deepEqual(await letters(), ['john'], 'mark has no address, audrey is disabled')

    await setRule('residue', { mailed: false })
    await raise('residue', 'two')
    await look()
    assert.deepEqual(await letters(), ['john'])
  })

  it('writes ten letters in a storm and says that the page has the rest', async () => {
    for (let n = 0; n < 12; n += 1) await raise('residue', `session ${n}`)
    await look()
    assert.equal((await letters()).length, 10)
    const last = await run(
      `select id from mails where kind = 'alert_raised' and facts ->> 'storm' = 'true'`,
    )
    assert.equal(last.length, 1)
  })

  it("looks at the other rules where one can't be looked at", async () => {
    const id = await canceled()
    await run(`update sessions set ended_at = ended_at - interval '1 minute' where id = :id`, {
      id,
    })
    await run('alter table data_source_faults rename to elsewhere')
    try {
      await look()
    } finally {
      await run('alter table elsewhere rename to data_source_faults')
    }
    assert.deepEqual(await open(), [['removal_late', id]])
    assert.ok(logged.some((facts) => 'watch' in facts))
    await broker.tick()
  })

  it('looks by itself, every few seconds', async () => {
    const shutdown = new Shutdown(silentLog)
    await startBroker({
      config: { masterKey: world.masterKey, partKey: undefined },
      store: world.broker,
      log: silentLog,
      shutdown,
    })
    await raise('direct_access', 'shop')
    await until('the alert is told', async () => (await letters()).length === 1)
    await shutdown.close()
  })

  it('knows every rule that can be raised', async () => {
    for (const rule of ALERT_RULES) await raise(rule, 'any')
    assert.equal((await alerts()).length, ALERT_RULES.length)
  })

  function raise(rule: AlertRule, key: string): Promise<boolean> {
    return world.broker.change(async (tx) =>
      raiseAlert(tx, world.origins.admin, await storeTime(tx), { rule, key, detail: `${key}.` }),
    )
  }
})
