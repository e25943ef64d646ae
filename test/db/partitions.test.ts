import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { appendRecord } from '../../db/audit-log.ts'
import { addPartitions } from '../../db/partitions.ts'
import { getDefaultOrganization } from '../../db/people.ts'
import { systemOrigin } from '../../db/scope.ts'
import { openStore, rows, storeTime, type Store } from '../../db/store.ts'
import { sentenceOf } from '../../lib/errors.ts'
import { createStore, type TestStore } from '../support/store.ts'

const THIS_MONTH = `date_trunc('month', now() at time zone 'UTC')`

describe('the months of the trail', () => {
  let store: TestStore
  let broker: Store

  beforeEach(async () => {
    store = await createStore()
    broker = openStore(store.partUrls.broker)
    // a store that was migrated long ago and has had no broker since
    await rows(
      store.owner.db,
      `do $$
       declare
         child regclass;
       begin
         for child in select inhrelid from pg_inherits
                       where inhparent in ('records'::regclass, 'record_payloads'::regclass, 'statements'::regclass)
                         and inhrelid::regclass::text not like '%default' loop
           execute format('drop table %s', child);
         end loop;
       end
       $$`,
    )
  })
  afterEach(async () => {
    await broker.close()
    await store.close()
  })

  const write = (reason: string) =>
    broker.change(async (tx) => {
      const origin = systemOrigin(await getDefaultOrganization(tx), randomUUID())
      await appendRecord(tx, origin, await storeTime(tx), {
        action: 'task.failed',
        area: 'tasks',
        outcome: 'failed',
        reason,
      })
    })
  const kept = () =>
    rows<{ home: string; seq: string; tx: string; body: string; payload: string }>(
      store.owner.db,
      `select r.tableoid::regclass::text as home, r.seq, r.tx::text as tx, r.body, p.payload::text as payload
         from records r
         join record_payloads p on p.at = r.at and p.seq = r.seq
        where r.action = 'task.failed'
        order by r.seq`,
    )

  it('are made though the default partition holds rows of them, which move there unchanged', async () => {
    await write('one')
    await write('two')
    const before = await kept()
    await addPartitions(broker)
    await write('three')
    const after = await kept()

    assert.deepEqual(
      before.map(({ home }) => home),
      ['records_default', 'records_default'],
    )
    assert.deepEqual(
      after.slice(0, 2).map((row) => ({ ...row, home: 'records_default' })),
      before,
    )
    assert.ok(after.every(({ home }) => /^records_\d{4}_\d{2}$/.test(home)))
    const seqs = after.map(({ seq }) => seq)
    assert.equal(new Set(seqs).size, 3)
  })

  it('are used by the same indexes and rules as every other', async () => {
    await write('one')
    await addPartitions(broker)
    const shapes = await rows<{ parent: string; shapes: string }>(
      store.owner.db,
      `select inhparent::regclass::text as parent, count(distinct shape)::text as shapes
         from (select i.inhparent,
                      (select string_agg(pg_get_constraintdef(k.oid), ';' order by pg_get_constraintdef(k.oid))
                         from pg_constraint k where k.conrelid = i.inhrelid and k.contype in ('c', 'p')) || (
                       select count(*) from pg_index x where x.indrelid = i.inhrelid) as shape
                 from pg_inherits i
                where i.inhparent in ('records'::regclass, 'record_payloads'::regclass, 'statements'::regclass)) made
        group by 1`,
    )

    assert.deepEqual(
      shapes.map(({ shapes: different }) => different),
      ['1', '1', '1'],
    )
  })

  it('do not keep the trail waiting behind a long download', async () => {
    // each month that is missing is waited for, and one is enough to see it
    await rows(broker.db, `select add_partitions(cast(${THIS_MONTH} + interval '1 month' as date))`)
    await rows(
      broker.db,
      `select add_partitions(cast(${THIS_MONTH} + interval '2 months' as date))`,
    )
    // which the store does not end by itself before the making has given up
    const reader = openStore(store.ownerUrl, { poolSize: 1, frozenMs: 60_000 })
    const reading = await reader.db.transaction()
    await rows(reading, 'select count(*) from records')
    const adding = addPartitions(broker).catch((error: unknown) => error)
    const begun = performance.now()
    await write('meanwhile')
    const took = performance.now() - begun
    const failure = await adding
    await reading.rollback()
    await reader.close()
    await addPartitions(broker)

    assert.ok(took < 15_000, `a record waited ${String(took)} ms`)
    assert.match(sentenceOf(failure), /lock timeout/)
    assert.equal((await kept()).length, 1)
  })
})
