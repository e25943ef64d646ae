import assert from 'node:assert/strict'
import pg from 'pg'
import type { KeyHolder } from '../../lib/seal.ts'
import { PARTS } from '../../db/part-logins.ts'
import { createStore, type TestStore } from '../support/store.ts'

const INSUFFICIENT_PRIVILEGE = '42501'

/** What must never change once written, each with a column to try an update on. */
const TRAIL: Readonly<Record<string, string>> = {
  records: 'body',
  record_payloads: 'payload',
  session_moves: 'to_state',
  statements: 'text',
  allowed_moves: 'to_state',
  migrations: 'name',
}

describe("the trail against every part's own login", () => {
  let store: TestStore
  let clients: Readonly<Record<KeyHolder, pg.Client>>

  before(async () => {
    store = await createStore()
    const opened = PARTS.map((part) => [part, new pg.Client(store.partUrls[part])] as const)
    for (const [, client] of opened) await client.connect()
    clients = Object.fromEntries(opened) as Record<KeyHolder, pg.Client>
  })

  after(async () => {
    for (const part of PARTS) await clients[part].end()
    await store.close()
  })

  for (const part of PARTS) {
    for (const [table, column] of Object.entries(TRAIL)) {
      const attempts = {
        update: `update ${table} set ${column} = ${column}`,
        delete: `delete from ${table}`,
        truncate: `truncate ${table}`,
        'alter the table': `alter table ${table} add column forged text`,
        'drop the table': `drop table ${table}`,
        'switch triggers off': `alter table ${table} disable trigger all`,
        'own the table': `alter table ${table} owner to current_user`,
      }
      for (const [deed, sql] of Object.entries(attempts)) {
        it(`the ${part} can't ${deed}: ${table}`, async () => {
          await assert.rejects(clients[part].query(sql), { code: INSUFFICIENT_PRIVILEGE })
        })
      }

      it(`the ${part} can't grant rights on ${table}`, async () => {
        const before = await rightsOn(table)
        // with some right but no grant option PostgreSQL warns and grants nothing
        await clients[part]
          .query(`grant all on ${table} to public`)
          .catch((error: unknown) => assert.equal(codeOf(error), INSUFFICIENT_PRIVILEGE))
        assert.deepEqual(await rightsOn(table), before)
      })
    }

    it(`the ${part} can't become the owner, a superuser or another part`, async () => {
      const { rows } = await store.owner.db.raw<{ rows: { rolname: string }[] }>(
        `select rolname from pg_roles where not pg_has_role(:login, oid, 'set')`,
        { login: new URL(store.partUrls[part]).username },
      )
      const others = rows.map(({ rolname }) => rolname)
      assert.ok(others.includes('postgres'), 'the superuser must be among the roles tried')
      for (const other of PARTS.filter((name) => name !== part)) {
        assert.ok(others.includes(`daypass_${other}`), `${other} must be among the roles tried`)
      }
      for (const role of others) {
        const attempt = clients[part].query(`set role ${pg.escapeIdentifier(role)}`)
        await assert.rejects(attempt, { code: INSUFFICIENT_PRIVILEGE }, role)
      }
    })

    it(`the ${part} is a member of its own group and nothing else`, async () => {
      const { rows } = await store.owner.db.raw<{ rows: { name: string }[] }>(
        `select r.rolname as name
           from pg_auth_members m
           join pg_roles r on r.oid = m.roleid
          where m.member = (select oid from pg_roles where rolname = :login)`,
        { login: new URL(store.partUrls[part]).username },
      )
      assert.deepEqual(rows, [{ name: `daypass_${part}` }])
    })

    it(`the ${part} can't reach into the partitions behind the tables`, async () => {
      const { rows } = await store.owner.db.raw<{ rows: { child: string }[] }>(
        `select inhrelid::regclass::text as child from pg_inherits
          where inhparent in ('records'::regclass, 'record_payloads'::regclass, 'statements'::regclass)`,
      )
      assert.ok(rows.length >= 6, 'a default and a month for each')
      for (const { child } of rows) {
        for (const sql of [`delete from ${child}`, `truncate ${child}`, `drop table ${child}`]) {
          await assert.rejects(clients[part].query(sql), { code: INSUFFICIENT_PRIVILEGE }, sql)
        }
      }
    })
  }

  it('only the broker may add partitions, and only for the months around now', async () => {
    const far = `select add_partitions('2099-01-01')`
    await assert.rejects(clients.portal.query(far), { code: INSUFFICIENT_PRIVILEGE })
    await assert.rejects(clients.proxy.query(far), { code: INSUFFICIENT_PRIVILEGE })
    await assert.rejects(clients.broker.query(far), /months around now/)

    const { rows } = await clients.broker.query<{ made: number }>(
      `select add_partitions((now() + interval '40 days')::date) as made`,
    )
    assert.equal(rows[0]?.made, 3)
    const { rows: records } = await store.owner.db.raw<{ rows: { count: string }[] }>(
      `select count(*) from records where action = 'task.succeeded' and body like '%statements_20%'`,
    )
    assert.equal(records[0]?.count, '2')
  })

  it('no part but the broker reads the sealed logins of data sources', async () => {
    const sql = 'select admin_sealed from data_sources'
    await clients.broker.query(sql)
    await assert.rejects(clients.proxy.query(sql), { code: INSUFFICIENT_PRIVILEGE })
    await assert.rejects(clients.portal.query(sql), { code: INSUFFICIENT_PRIVILEGE })
  })

  it('the proxy reads no password hash, no token and no sign-in', async () => {
    for (const sql of [
      'select password_hash from people',
      'select * from tokens',
      'select * from sign_ins',
      'select * from password_links',
      'select * from mail_service',
    ]) {
      await assert.rejects(clients.proxy.query(sql), { code: INSUFFICIENT_PRIVILEGE }, sql)
    }
  })

  it('no part announces another part’s key, which would have secrets sealed to itself', async () => {
    const announce = (part: string) =>
      `insert into sealing_keys (part, public_key) values ('${part}', decode(repeat('00', 32), 'hex'))
           on conflict (part) do update set public_key = excluded.public_key`
    await clients.broker.query(announce('broker'))
    await clients.proxy.query(announce('proxy'))
    await assert.rejects(clients.proxy.query(announce('broker')), { code: INSUFFICIENT_PRIVILEGE })
    await assert.rejects(clients.broker.query(announce('proxy')), { code: INSUFFICIENT_PRIVILEGE })
    const stolen = `update sealing_keys set public_key = decode(repeat('11', 32), 'hex') where part = 'broker'`
    assert.equal((await clients.proxy.query(stolen)).rowCount, 0)
    const { rows } = await clients.portal.query<{ part: string }>('select part from sealing_keys')
    assert.equal(rows.length, 2)
  })

  it('the broker reads no password hash, no token, no client verifier and no recording', async () => {
    for (const sql of [
      'select password_hash from people',
      'select hash from tokens',
      'select verifier from session_credentials',
      'select hash from password_links',
      'select text from statements',
      "update data_sources set host = '127.0.0.2'",
    ]) {
      await assert.rejects(clients.broker.query(sql), { code: INSUFFICIENT_PRIVILEGE }, sql)
    }
  })

  it("the portal can't rewrite what was asked for, by whom, or that a user is gone", async () => {
    for (const sql of [
      'update sessions set requester_id = requester_id',
      'update sessions set request_hash = request_hash',
      'update sessions set justification = justification',
      'update sessions set data_source_id = data_source_id',
      'update sessions set removed_at = now()',
      'update sessions set username = username',
      "update session_roles set database_role = 'postgres'",
      'update session_roles set approvals_needed = 0',
      'update sessions set policy_version = policy_version',
      'update session_extensions set new_end = new_end',
      'update session_extensions set requested_by = requested_by',
      'update extension_roles set approvals_needed = 0',
      'update extension_approvals set person_id = person_id',
      'delete from extension_approvals',
    ]) {
      await assert.rejects(clients.portal.query(sql), { code: INSUFFICIENT_PRIVILEGE }, sql)
    }
  })

  it("the portal can't rewrite versions, proposals, what tests found or what letters say", async () => {
    for (const sql of [
      'update policy_versions set policy = policy',
      'delete from policy_versions',
      'update policy_proposals set change = change',
      'update policy_proposals set proposed_by = proposed_by',
      'update data_source_checks set dangers = dangers',
      `insert into data_source_checks (id, organization_id, data_source_id, cause, asked_by, asked_at, dangers)
       select gen_random_uuid(), organization_id, id, 'asked', 'x', now(), '{}' from data_sources`,
      'update mails set sent_at = now()',
      'select facts from mails',
      'select detail from mails',
      // a secret in a letter is the broker's to open
      'select sealed from mails',
      'update mail_service set is_open = true',
    ]) {
      await assert.rejects(clients.portal.query(sql), { code: INSUFFICIENT_PRIVILEGE }, sql)
    }
  })

  it('no part decides about proposals or extensions but the portal, and none writes another’s', async () => {
    for (const sql of [
      'select change from policy_proposals',
      'update policy_proposals set outcome = outcome',
      'insert into policy_versions select * from policy_versions',
      'update roles set approvals_needed = 0',
      'update extension_roles set state = state',
      'insert into extension_approvals select * from extension_approvals',
    ]) {
      await assert.rejects(clients.broker.query(sql), { code: INSUFFICIENT_PRIVILEGE }, sql)
      await assert.rejects(clients.proxy.query(sql), { code: INSUFFICIENT_PRIVILEGE }, sql)
    }
    for (const sql of ['select from mails', 'select from session_extensions']) {
      await assert.rejects(clients.proxy.query(sql), { code: INSUFFICIENT_PRIVILEGE }, sql)
    }
  })

  async function rightsOn(table: string): Promise<unknown> {
    const { rows } = await store.owner.db.raw<{ rows: unknown[] }>(
      `select relacl::text from pg_class where oid = cast(:table as regclass)`,
      { table },
    )
    return rows
  }
})

function codeOf(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError ? error.code : undefined
}
