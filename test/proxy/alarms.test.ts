import assert from 'node:assert/strict'
import { rows } from '../../db/store.ts'
import { openStore } from '../../db/store.ts'
import { silentLog, type Log } from '../../lib/log.ts'
import { isAlarming, raiseAlarms } from '../../proxy/alarms.ts'
import { watch } from '../../broker/scheduling/watch.ts'
import { clientOf, GrantedWorld, type Granted, type TestProxy } from '../support/granted.ts'
import { until } from '../support/until.ts'

describe('a password changed through the proxy', () => {
  let world: GrantedWorld
  let proxy: TestProxy

  before(async () => {
    world = await GrantedWorld.make()
    proxy = await world.startProxy()
  })
  after(() => world.close())

  const alerts = ({ id }: Granted) =>
    rows<{ rule: string; detail: string; open: boolean }>(
      world.store.db,
      `select rule, detail, resolved_at is null as open from alerts where session_id = :id`,
      { id },
    )
  const records = ({ id }: Granted) =>
    rows<{ action: string }>(
      world.store.db,
      `select action from records where session_id = :id and area = 'alerts' order by at, seq`,
      { id },
    )
  const run = async (granted: Granted, ...statements: readonly string[]): Promise<void> => {
    const client = clientOf(proxy.port, granted)
    await client.connect()
    for (const sql of statements) await client.query(sql).catch(() => undefined)
    await client.end()
  }

  it('raises one alert for the session, once its statement is in the store, and a record', async () => {
    const granted = await world.grant()
    await run(
      granted,
      `alter role current_user password 'hunter2'`,
      `do $$ begin execute 'alter role current_user password ''hunter2'''; end $$`,
    )
    const [alert] = await until('an alert', async () => {
      const found = await alerts(granted)
      return found.length > 0 && found
    })
    assert.equal(alert?.rule, 'password_changed')
    assert.equal(
      alert.detail,
      `${granted.username} changed a password on shop: see the statements of session ${granted.id}.`,
    )
    await world.statements(granted.id, 2)
    assert.deepEqual(await records(granted), [{ action: 'alert.raised' }])
  })

  it('raises none for a try in vain', async () => {
    const granted = await world.grant()
    await run(
      granted,
      `alter role postgres password 'hunter2'`,
      `alter role current_user password 'hunter2'; select 1/0`,
      `select 'no password was altered'`,
    )
    // what is in the store was looked at in the same step
    assert.ok((await world.statements(granted.id, 4)).length >= 3)
    const later = await world.grant()
    await run(later, `alter role current_user password 'hunter2'`)
    await until('the alert of a later one', async () => (await alerts(later)).length > 0)
    assert.deepEqual(await alerts(granted), [])
  })

  it('is over once the user that was changed is gone', async () => {
    const granted = await world.grant()
    await run(granted, `alter role current_user password null`)
    await until('an alert', async () => (await alerts(granted)).length > 0)
    await watch({ store: world.store, log: silentLog })
    assert.deepEqual(
      (await alerts(granted)).map(({ open }) => open),
      [true],
    )

    await rows(
      world.store.db,
      `update session_users set removed_at = now() where session_id = :id`,
      {
        id: granted.id,
      },
    )
    await watch({ store: world.store, log: silentLog })
    assert.deepEqual(
      (await alerts(granted)).map(({ open }) => open),
      [false],
    )
    assert.deepEqual(await records(granted), [
      { action: 'alert.raised' },
      { action: 'alert.resolved' },
    ])
  })

  it('is seen behind a comment that is longer than what is kept, and with its text said again', async () => {
    const granted = await world.grant()
    await run(granted, `/*${'x'.repeat(70_000)}*/ alter role current_user password 'hunter2'`)
    await until('an alert', async () => (await alerts(granted)).length > 0)

    const again = await world.grant()
    const client = clientOf(proxy.port, again)
    await client.connect()
    const text = `/*${'x'.repeat(9000)}*/ alter role current_user password 'hunter2'`
    await client.query('set default_transaction_read_only = on')
    await client.query({ name: 's', text }).catch(() => undefined)
    await client.query('set default_transaction_read_only = off')
    await client.query({ name: 's', text })
    await client.end()
    await until('an alert', async () => (await alerts(again)).length > 0)
    const shown = await world.statements(again.id, 4)
    assert.deepEqual(
      shown.filter(({ kind }) => kind === 'extended').map(({ outcome }) => outcome),
      ['error', 'ok'],
    )
  })

  it('is seen in code behind what is kept, where it has signs of a password', async () => {
    const long = 'x'.repeat(70_000)
    const granted = await world.grant()
    await run(granted, `do $$ begin /*${long}*/ alter role current_user password null; end $$`)
    await until('an alert', async () => (await alerts(granted)).length > 0)

    const none = await world.grant()
    await run(none, `do $$ begin /*${long}*/ null; end $$`, `select 1 /*${long} password 'x'*/`)
    const later = await world.grant()
    await world.statements(none.id, 2)
    await run(later, `alter role current_user password 'hunter2'`)
    await until('the alert of a later one', async () => (await alerts(later)).length > 0)
    assert.deepEqual(await alerts(none), [])
  })

  it('is not seen where the whole text says what the tag means', () => {
    const altered = { ...ROW, tag: 'ALTER ROLE' }
    const whole = 'alter role current_user set search_path = x'
    const sure = { ...altered, text: whole, textBytes: whole.length }
    assert.equal(isAlarming(sure), false)
    assert.equal(isAlarming({ ...sure, textBytes: whole.length + 1 }), true)
    assert.equal(isAlarming({ ...sure, textBytes: whole.length + 1, outcome: 'error' }), false)
    assert.equal(isAlarming({ ...sure, textBytes: whole.length + 1, rolledBack: true }), false)
    // what was taken out may have been shorter than what stands for it: as long as the whole was
    const long = 'x'.repeat(70_000)
    assert.equal(isAlarming({ ...altered, text: long, textBytes: long.length }), true)
  })

  it('of a session that the store does not know keeps nothing behind it waiting', async () => {
    const granted = await world.grant()
    const said: string[] = []
    const log: Log = { ...silentLog, warn: (_facts, sentence) => void said.push(sentence) }
    const row = { ...ROW, text: `alter role r password null` }
    await raiseAlarms({ db: world.store.db, log }, [
      { ...row, sessionId: '999999999' },
      { ...row, sessionId: granted.id },
    ])
    assert.equal(said.length, 1)
    assert.equal((await alerts(granted)).length, 1)
  })

  it('waits for a store that is away: nothing is forgotten', async () => {
    const away = openStore('postgres://nobody@127.0.0.1:1/none')
    try {
      const row = { sessionId: '1', text: `alter role r password null`, outcome: 'ok' }
      await assert.rejects(
        raiseAlarms({ db: away.db, log: silentLog }, [{ ...ROW, ...row }]),
        /ECONNREFUSED/,
      )
    } finally {
      await away.close()
    }
  })
})

const ROW = {
  sessionId: '1',
  organizationId: '',
  connectionId: '',
  number: 1,
  part: 1,
  partOf: 1,
  kind: 'simple',
  text: '',
  textBytes: 0,
  textDigest: null,
  values: [],
  statementName: null,
  portalName: null,
  startedAt: '',
  milliseconds: null,
  tag: null,
  rows: null,
  bytes: null,
  copyDigest: null,
  sqlstate: null,
  message: null,
  outcome: 'ok',
  transaction: null,
  rolledBack: false,
}
