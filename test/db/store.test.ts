import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { DateTime } from 'luxon'
import pg from 'pg'
import { listen, notify } from '../../db/notices.ts'
import { checkSchema, migrate } from '../../db/migrate.ts'
import { describeSchema } from '../../db/schema-text.ts'
import { findRow, getRow, openStore, rows, storeTime } from '../../db/store.ts'
import { silentLog } from '../../lib/log.ts'
import { createDatabase, dropDatabase, storeCluster } from '../support/clusters.ts'
import { createStore, type TestStore } from '../support/store.ts'
import { until } from '../support/until.ts'

describe('the store', () => {
  let store: TestStore

  before(async () => {
    store = await createStore()
  })

  after(() => store.close())

  it('reads instants as UTC with their milliseconds', async () => {
    const { at } = await getRow<{ at: DateTime<true> }>(
      store.owner.db,
      `select cast('2026-03-29 03:30:00.123+02' as timestamptz(3)) as at`,
    )
    assert.equal(at.toISO(), '2026-03-29T01:30:00.123Z')
  })

  it('tells the time in whole milliseconds, forwards', async () => {
    const first = await storeTime(store.owner.db)
    const second = await storeTime(store.owner.db)
    assert.ok(first <= second)
    assert.ok(Math.abs(first.diffNow().toMillis()) < 5_000)
  })

  it('undoes the whole change when its work fails', async () => {
    await assert.rejects(
      store.owner.change(async (tx) => {
        await rows(tx, `insert into settings (name, value) values ('half', 'way')`)
        throw new Error('power cut')
      }),
      /power cut/,
    )
    const kept = await findRow(store.owner.db, `select 1 from settings where name = 'half'`)
    assert.equal(kept, undefined)
  })

  it('ends the transaction of a process that froze in it, so that nobody waits for its locks', async () => {
    const frozen = openStore(store.owner.url, { frozenMs: 200 })
    let isWritten = false
    try {
      const thaws = frozen.change(async (tx) => {
        await rows(tx, `insert into settings (name, value) values ('frozen', 'half')`)
        isWritten = true
        await sleep(1_000)
        await rows(tx, 'select 1')
      })
      const refused = assert.rejects(thaws)
      await until('the frozen one has written', () => Promise.resolve(isWritten))
      // waits for the other's uncommitted row
      await rows(store.owner.db, `insert into settings (name, value) values ('frozen', 'whole')`)
      const kept = await getRow<{ value: string }>(
        store.owner.db,
        `select value from settings where name = 'frozen'`,
      )
      assert.equal(kept.value, 'whole')
      await refused
    } finally {
      await frozen.close()
    }
  })

  it('binds values, also lists and text that looks like SQL', async () => {
    const row = await getRow<{ text: string; list: string[] }>(
      store.owner.db,
      `select cast(:text as text) as text, cast(:list as text[]) as list`,
      { text: `'; drop table records; -- :list ?`, list: ['a', 'b'] },
    )
    assert.deepEqual(row, { text: `'; drop table records; -- :list ?`, list: ['a', 'b'] })
  })

  it("refuses text that it can't keep, before any of it is kept", async () => {
    for (const text of ['a\u0000b', 'a\ud800b']) {
      const asking = rows(store.owner.db, 'select cast(:text as text) as text', { text })
      await assert.rejects(asking, { code: 'text_not_storable' })
      const asList = rows(store.owner.db, 'select cast(:texts as text[]) as texts', {
        texts: [text],
      })
      await assert.rejects(asList, { code: 'text_not_storable' })
    }
  })

  it('hears notices, and hears that it may have missed some after a lost connection', async () => {
    const heard: (string | undefined)[] = []
    let wake: () => void = () => undefined
    const until = async (done: () => boolean): Promise<void> => {
      const deadline = Date.now() + 10_000
      while (!done()) {
        assert.ok(Date.now() < deadline, `heard only ${JSON.stringify(heard)}`)
        await new Promise<void>((resolve) => {
          wake = resolve
          setTimeout(resolve, 50)
        })
      }
    }
    const listening = listen(store.ownerUrl, 'daypass_work', {
      log: silentLog,
      heard: (id) => {
        heard.push(id)
        wake()
      },
    })
    try {
      await until(() => heard.length === 1)
      await notify(store.owner.db, 'daypass_work', '68')
      await until(() => heard.length === 2)
      await rows(
        store.owner.db,
        `select pg_terminate_backend(pid) from pg_stat_activity
          where application_name = 'daypass daypass_work' and datname = current_database()`,
      )
      await until(() => heard.length === 3)
      await notify(store.owner.db, 'daypass_work', '69')
      await until(() => heard.length === 4)
      assert.deepEqual(heard, [undefined, '68', undefined, '69'])
    } finally {
      await listening.close()
    }
  })
})

describe('migrations', () => {
  it('that fail say what the server said, not the whole step', async () => {
    const cluster = await storeCluster()
    const name = await createDatabase(cluster)
    const store = openStore(cluster.superuserUrl(name))
    try {
      await rows(store.db, 'create table organizations (id integer)')
      await assert.rejects(migrate(store.url), (error: Error) => {
        assert.match(
          error.message,
          /^The store could not be migrated: relation "organizations" already exists/,
        )
        assert.ok(error.message.length < 200)
        return true
      })
    } finally {
      await store.close()
      await dropDatabase(cluster, name)
    }
  })

  it('land once, however many start at the same time, and stay when run again', async () => {
    const cluster = await storeCluster()
    const name = await createDatabase(cluster)
    try {
      const url = cluster.superuserUrl(name)
      const taken = await Promise.all([migrate(url), migrate(url), migrate(url)])
      assert.equal(taken.filter((steps) => steps.length > 0).length, 1)
      assert.deepEqual(await migrate(url), [])
    } finally {
      await dropDatabase(cluster, name)
    }
  })

  it('say what to run when the schema is not there, and refuse one from the future', async () => {
    const cluster = await storeCluster()
    const name = await createDatabase(cluster)
    const store = openStore(cluster.superuserUrl(name))
    try {
      await assert.rejects(checkSchema(store.db), { code: 'store_not_migrated' })
      await migrate(store.url)
      await checkSchema(store.db)
      await rows(
        store.db,
        `insert into migrations (name, batch, migration_time) values ('999-future', 9, now())`,
      )
      await assert.rejects(checkSchema(store.db), { code: 'store_is_newer' })
      await assert.rejects(migrate(store.url), { code: 'store_is_newer' })
    } finally {
      await store.close()
      await dropDatabase(cluster, name)
    }
  })

  it('take a plain owner where the roles are there already', async () => {
    const cluster = await storeCluster()
    const name = await createDatabase(cluster)
    const login = `plain_${name}`
    const admin = new pg.Client(cluster.superuserUrl())
    await admin.connect()
    try {
      await admin.query(`create role ${login} login password 'x'`)
      await admin.query(`alter database ${name} owner to ${login}`)
      const url = new URL(cluster.superuserUrl(name))
      url.username = login
      url.password = 'x'
      // on this shared server the roles are there already: a plain owner is enough then
      await migrate(url.href)
      const store = openStore(url.href)
      await checkSchema(store.db)
      await store.close()
    } finally {
      await dropDatabase(cluster, name)
      await admin.query(`drop role ${login}`)
      await admin.end()
    }
  })

  it('describe the same schema each time', async () => {
    const store = await createStore()
    try {
      const text = await describeSchema(store.owner.db)
      assert.match(text, /^table sessions \(/m)
      assert.match(
        text,
        /^grant insert on session_moves to daypass_portal$|^grant insert, select on session_moves to daypass_portal$/m,
      )
      assert.equal(text, await describeSchema(store.owner.db))
    } finally {
      await store.close()
    }
  })
})
