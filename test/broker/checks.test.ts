import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { createRole, listRoles } from '../../db/roles.ts'
import { askForCheck, findCheck, type DataSourceCheck } from '../../db/data-source-checks.ts'
import { rows } from '../../db/store.ts'
import { derivePartKey, openingKey } from '../../lib/seal.ts'
import { silentLog } from '../../lib/log.ts'
import { checkDue, scheduleChecks } from '../../broker/preflight/checks.ts'
import { goOn } from '../../broker/scheduling/steps.ts'
import { approve } from '../../broker/sessions/lifecycle.ts'
import { requestSession } from '../../broker/sessions/request.ts'
import { makeBroker, until } from '../support/broker.ts'
import { makeWorld, runOn, type World } from '../support/world.ts'

describe('checks of data sources', () => {
  let world: World
  let mighty: string

  before(async () => {
    world = await makeWorld()
    mighty = `mighty_${randomBytes(4).toString('hex')}`
    await runOn(
      world.shop.superuserUrl,
      `create role ${mighty} createdb; grant ${mighty} to ${world.shop.adminName} with admin option`,
    )
  })
  after(async () => {
    await runOn(world.shop.superuserUrl, `drop role ${mighty}`)
    await world.close()
  })

  it('are run by the broker, recorded, and leave nothing on the data source', async () => {
    const check = await checked({})

    assert.equal(check.ok, true, JSON.stringify(check.findings))
    assert.ok(check.findings.some(({ sentence }) => /^The trial user is gone/.test(sentence)))
    const [record] = await records(check.id)
    assert.deepEqual(record, { outcome: 'ok', actor: 'system', cause: 'asked', askedBy: 'admin' })
    const left = await runOn(
      world.shop.superuserUrl,
      `select rolname from pg_roles where rolname like 'dp!_trial%' escape '!'`,
    )
    assert.deepEqual(left, [])
  })

  it('find dangers, which refuse the role until its definition says so', async () => {
    const role = await world.owner.change((tx) =>
      createRole(tx, world.origins.admin, {
        dataSourceId: world.dataSource.id,
        name: 'mighty',
        databaseRole: mighty,
        approverGroupId: world.roles.role1.approverGroup?.id ?? null,
        approvalsNeeded: 1,
        defaultMinutes: 30,
        maximumMinutes: 60,
      }),
    )
    assert.equal((await ask('mighty')).state, 'CREATED')
    const check = await checked({ roleId: role.id })
    const refused = await ask('mighty').catch((error: unknown) => error)
    const known = await listRoles(world.portal.db, world.scopes.mark)
    await runOn(world.shop.superuserUrl, `alter role ${mighty} nocreatedb`)
    await checked({ roleId: role.id })

    assert.equal(check.ok, false)
    assert.deepEqual(check.dangers, ['may create databases'])
    assert.match(String(refused), /mighty is too powerful to lend \(may create databases\): ask an/)
    assert.deepEqual(known.find(({ id }) => id === role.id)?.dangers, ['may create databases'])
    assert.equal((await ask('mighty')).state, 'CREATED')
    const [record] = await records(check.id)
    assert.equal(record?.outcome, 'failed')
  })

  it('keep what was known where nobody could look', async () => {
    const roleId = world.roles.role2.id
    await runOn(
      world.shop.superuserUrl,
      `alter role customers_reader createdb; alter role ${world.shop.adminName} login`,
    )
    const seen = await checked({ roleId })
    await runOn(world.shop.superuserUrl, `alter role ${world.shop.adminName} nologin`)
    const unseen = await checked({ roleId })
    await runOn(
      world.shop.superuserUrl,
      `alter role customers_reader nocreatedb; alter role ${world.shop.adminName} login`,
    )

    assert.deepEqual(seen.dangers, ['may create databases'])
    assert.match(unseen.findings[0]?.sentence ?? '', /^shop can't be reached/)
    assert.deepEqual(unseen.dangers, ['may create databases'])
    assert.deepEqual((await checked({ roleId })).dangers, [])
  })

  it('follow each approval, without a trial user, and are recorded when they fail', async () => {
    const fine = await approved()
    await checkDue(deps(), world.dataSource.id)
    await runOn(world.shop.superuserUrl, 'alter role orders_reader createdb')
    const bad = await approved()
    await checkDue(deps(), world.dataSource.id)
    assert.equal((await checksOf(bad))[0]?.endedAt, null, 'one answers for some seconds')
    await rows(
      world.owner.db,
      `update data_source_checks set ended_at = ended_at - interval '10 seconds' where id = :id`,
      { id: (await checksOf(fine))[0]?.id },
    )
    await checkDue(deps(), world.dataSource.id)
    await runOn(world.shop.superuserUrl, 'alter role orders_reader nocreatedb')

    const [first] = await checksOf(fine)
    const [second] = await checksOf(bad)
    assert.deepEqual([first?.ok, second?.ok], [true, false])
    assert.ok(!first?.findings.some(({ sentence }) => /trial/.test(sentence)))
    assert.deepEqual(await records(first?.id ?? ''), [])
    assert.equal((await records(second?.id ?? ''))[0]?.outcome, 'failed')
    await checked({ roleId: world.roles.role1.id })
  })

  it('raise an alert while everybody gets in past the proxies, and only then', async () => {
    const { superuserUrl, adminName } = world.shop
    await runOn(
      superuserUrl,
      `grant select on pg_hba_file_rules to ${adminName};
       grant execute on function pg_hba_file_rules() to ${adminName}`,
    )
    const [hba] = await runOn<{ file: string; lines: string }>(
      superuserUrl,
      `select current_setting('hba_file') as file, pg_read_file(current_setting('hba_file')) as lines`,
    )
    assert.ok(hba)
    const open = `host all all 0.0.0.0/0 scram-sha-256\n${hba.lines}`
    const closed = [
      'host all +daypass_session 127.0.0.1/32 scram-sha-256',
      'host all +daypass_session all reject',
      open,
    ].join('\n')
    try {
      await writeHba(hba.file, open)
      const first = await checked({})
      const raised = await alerts()
      await writeHba(hba.file, closed)
      const second = await checked({})
      const after = await alerts()

      const finding = first.findings.find(({ ok }) => !ok)
      assert.match(finding?.sentence ?? '', /log in to the data source directly.*from everywhere/)
      assert.match(finding?.remedy ?? '', /^host {4}all \+daypass_session all reject$/m)
      assert.deepEqual(raised, [{ key: world.dataSource.id, open: true }])
      assert.equal(second.ok, true, JSON.stringify(second.findings))
      assert.deepEqual(after, [{ key: world.dataSource.id, open: false }])
    } finally {
      await writeHba(hba.file, hba.lines)
    }
  })

  it('resolve no alert of another data source, raised at the same moment', async () => {
    const { superuserUrl, adminName } = world.shop
    await runOn(
      superuserUrl,
      `grant select on pg_hba_file_rules to ${adminName};
       grant execute on function pg_hba_file_rules() to ${adminName}`,
    )
    const [hba] = await runOn<{ file: string; lines: string }>(
      superuserUrl,
      `select current_setting('hba_file') as file, pg_read_file(current_setting('hba_file')) as lines`,
    )
    assert.ok(hba)
    const other = randomUUID()
    try {
      const closed = [
        'host all +daypass_session 127.0.0.1/32 scram-sha-256',
        'host all +daypass_session all reject',
        hba.lines,
      ]
      await writeHba(hba.file, closed.join('\n'))
      const check = await world.owner.change(async (tx) => {
        await rows(
          tx,
          `insert into alerts (id, organization_id, rule, key, detail, raised_at, seen_at)
           select gen_random_uuid(), id, 'direct_access', :other, 'open', now(), now() from organizations`,
          { other },
        )
        // the check may read alerts, and waits before it changes any
        await rows(tx, 'lock table alerts in share mode')
        const running = checked({})
        await until('the check waits', async () => {
          const waiting = await rows(
            world.portal.db,
            `select from pg_locks where relation = 'alerts'::regclass and not granted
                and database = (select oid from pg_database where datname = current_database())`,
          )
          return waiting.length > 0
        })
        return { running }
      })
      await check.running
      const left = (await alerts()).filter(({ key }) => key === other)

      assert.deepEqual(left, [{ key: other, open: true }])
    } finally {
      await writeHba(hba.file, hba.lines)
    }
  })

  it('are picked up by a tick, and their trial users raise no alarm', async () => {
    const { superuserUrl } = world.shop
    const name = `dp_trial_${randomBytes(6).toString('hex')}`
    await runOn(
      superuserUrl,
      `create role ${name} login valid until '2040-01-01' in role daypass_session;
       comment on role ${name} is 'daypass trial'`,
    )
    const broker = makeBroker(world)
    const asked = { dataSourceId: world.dataSource.id, cause: 'asked', askedBy: 'admin' } as const
    const id = await askForCheck(world.portal.db, asked)
    await broker.tick()
    await broker.reconcile()
    const check = await findCheck(world.portal.db, world.scopes.admin, id)
    const breaches = await rows(
      world.owner.db,
      `select detail from alerts where rule = 'login_unaccounted'`,
    )
    const left = await runOn(superuserUrl, `select from pg_roles where rolname = '${name}'`)
    await runOn(superuserUrl, `drop role ${name}`)

    assert.equal(check?.ok, true, JSON.stringify(check?.findings))
    assert.deepEqual(breaches, [])
    assert.equal(left.length, 1)
  })

  it('are asked for by the day where nobody did', async () => {
    await rows(
      world.owner.db,
      `update data_sources set created_at = now() - interval '2 days';
       update data_source_checks set asked_at = asked_at - interval '25 hours'`,
    )
    await scheduleChecks(deps())
    await scheduleChecks(deps())
    const found = await rows<{ cause: string }>(
      world.owner.db,
      `select cause from data_source_checks where cause = 'schedule'`,
    )
    assert.deepEqual(found, [{ cause: 'schedule' }])
  })

  it('are forgotten after 90 days, all but the last of each data source and role', async () => {
    await rows(world.owner.db, 'delete from data_source_checks')
    const made = (about: string, days: number): Promise<unknown> =>
      rows(
        world.owner.db,
        `insert into data_source_checks (id, organization_id, data_source_id, role_id, cause, asked_by,
                                         asked_at, ended_at, ok)
         select gen_random_uuid(), d.organization_id, d.id, r.id, 'asked', :label,
                now() - make_interval(days => :days), now() - make_interval(days => :days), true
           from data_sources d
      left join roles r on r.name = :about
          where d.id = :dataSourceId`,
        { about, days, label: `${about} ${String(days)}`, dataSourceId: world.dataSource.id },
      )
    for (const days of [200, 91, 89]) await made('shop', days)
    for (const days of [200, 91]) await made('role1', days)
    await made('role2', 200)
    await scheduleChecks(deps())
    const kept = await rows<{ label: string }>(
      world.owner.db,
      `select asked_by as label from data_source_checks where cause = 'asked' order by 1`,
    )

    assert.deepEqual(
      kept.map(({ label }) => label),
      ['role1 91', 'role2 200', 'shop 89'],
    )
  })

  function deps() {
    const key = openingKey(derivePartKey(world.masterKey, 'broker'))
    return { store: world.broker, key, log: silentLog, reached: goOn }
  }

  async function checked({ roleId }: { roleId?: string }): Promise<DataSourceCheck> {
    const id = await world.portal.change((tx) =>
      askForCheck(tx, {
        dataSourceId: world.dataSource.id,
        ...(roleId === undefined ? {} : { roleId }),
        cause: 'asked',
        askedBy: 'admin',
      }),
    )
    await checkDue(deps(), world.dataSource.id)
    const check = await findCheck(world.portal.db, world.scopes.admin, id)
    assert.ok(check?.endedAt)
    return check
  }

  async function checksOf(session: string): Promise<DataSourceCheck[]> {
    const found = await rows<{ id: string }>(
      world.owner.db,
      'select id from data_source_checks where session_id = :session',
      { session },
    )
    const checks = await Promise.all(
      found.map(({ id }) => findCheck(world.portal.db, world.scopes.admin, id)),
    )
    return checks.filter((check) => check !== undefined)
  }

  function ask(role: string) {
    return requestSession(world.portal, world.scopes.mark, world.origins.mark, {
      dataSource: 'shop',
      roles: [role],
      minutes: 5,
      justification: 'ticket 7',
    })
  }

  async function approved(): Promise<string> {
    const { id } = await ask('role1')
    await approve(world.portal, world.scopes.john, world.origins.john, id, {})
    return id
  }

  function records(check: string) {
    return rows<{ outcome: string; actor: string; cause: string; askedBy: string }>(
      world.owner.db,
      `select outcome, actor_name as actor, cast(body as jsonb) -> 'details' ->> 'cause' as cause,
              cast(body as jsonb) -> 'details' ->> 'asked_by' as "askedBy"
         from records
        where action = 'data_source.tested'
          and cast(body as jsonb) -> 'details' ->> 'check' = :check`,
      { check },
    )
  }

  function alerts() {
    return rows<{ key: string; open: boolean }>(
      world.owner.db,
      `select key, resolved_at is null as open from alerts where rule = 'direct_access'`,
    )
  }

  /** As the server itself, which reads it again at once. */
  async function writeHba(file: string, lines: string): Promise<void> {
    const text = lines.split('\n').filter((line) => line !== '')
    await runOn(
      world.shop.superuserUrl,
      `copy (select unnest(array[${text.map((line) => `'${line.replaceAll("'", "''")}'`).join(', ')}])) to '${file}'`,
    )
    await runOn(world.shop.superuserUrl, 'select pg_reload_conf()')
  }
})
