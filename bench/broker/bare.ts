import pg from 'pg'

/** Scratch tables of the store's shapes, so that bare SQL writes and commits as much as the broker. */
const TABLES = `
create table bench_jobs (session_id bigint, kind text, due_at timestamptz(3), claimed_by text,
                         primary key (session_id, kind));
create table bench_sessions (id bigint primary key, state text not null, at timestamptz(3) not null,
                             username text, removed_at timestamptz(3));
create table bench_users (session_id bigint primary key, username text not null unique, verifier text not null,
                          sealed bytea not null, role_oid oid, login_at timestamptz(3), removed_at timestamptz(3));
create table bench_moves (session_id bigint, ordinal integer, from_state text, to_state text,
                          at timestamptz(3) not null, primary key (session_id, ordinal));
create table bench_records (seq bigint generated always as identity, at timestamptz(3) not null, action text not null,
                            body text not null, primary key (at, seq));
create index on bench_records (action, at, seq);
create table bench_payloads (seq bigint, at timestamptz(3), payload jsonb not null, primary key (at, seq));
create table bench_mails (id bigint generated always as identity primary key, session_id bigint not null,
                          kind text not null, due_at timestamptz(3) not null, facts jsonb not null)`

const DROP = `drop table if exists bench_jobs, bench_sessions, bench_users, bench_moves, bench_records, bench_payloads, bench_mails`

/** What a lent role is a member of, and what those may do. */
const LENT = `
with recursive lent as (
  select r.oid from pg_roles r where r.rolname = 'customers_reader'
   union
  select m.roleid from pg_auth_members m join lent l on l.oid = m.member)
select r.rolname, r.rolsuper, r.rolcreaterole, r.rolcreatedb, r.rolreplication, r.rolbypassrls
  from lent join pg_roles r using (oid)`

const BODY = JSON.stringify({ body: 'x'.repeat(900) })
const VERIFIER = `SCRAM-SHA-256$1:ws6Ml9iL3tCmYOqxKeV4jA==$kWs6Flp/WeJbmHb17xS/48kcCTEJ8jzFPOyv2Yccrws=:JGgnnyOWpFWO+OJzFfe3lojmNbGkFUixK6Oc628ZrRA=`

/**
 * The steps of docs/sessions.md as plain SQL, with the same commits and with what the broker may not
 * leave out: the claim is asked for before each write, the session's lock taken and its user looked at
 * before each change on the data source, lent roles looked at again, letters written. It decides nothing.
 */
export class BareBroker {
  readonly #store: pg.Client
  readonly #source: pg.Client

  constructor(store: pg.Client, source: pg.Client) {
    this.#store = store
    this.#source = source
  }

  async prepare(sessions: number): Promise<void> {
    await this.#store.query(`${DROP}; ${TABLES}`)
    await this.#source.query('create role bench_marker nologin')
    await this.#store.query(
      `insert into bench_sessions select n, 'APPROVED', now() from generate_series(1, $1::int) n`,
      [sessions],
    )
    await this.#store.query(
      `insert into bench_jobs select n, 'grant', now() from generate_series(1, $1::int) n`,
      [sessions],
    )
  }

  async tidy(): Promise<void> {
    await this.#source.query('drop role bench_marker')
    await this.#store.query(DROP)
  }

  /** g1 to g5 of one session: a commit each for claim, intent, user, GRANTED, login, login noted. */
  async grant(id: number): Promise<void> {
    const name = nameOf(id)
    await this.#store.query(
      `update bench_jobs set claimed_by = 'us'
        where (session_id, kind) in (select session_id, kind from bench_jobs where session_id = $1 for update skip locked)`,
      [id],
    )
    await this.#inStore(async (store) => {
      await store.query('select * from bench_sessions where id = $1 for update', [id])
      await this.#askClaim(id)
      await store.query('insert into bench_users values ($1, $2, $3, $4)', [
        id,
        name,
        VERIFIER,
        Buffer.alloc(120),
      ])
    })
    await this.#lockUser(name)
    await this.#askClaim(id)
    await this.#source.query(
      `create role ${name} nologin inherit connection limit 20 valid until '2030-01-01Z' password '${VERIFIER}';
       comment on role ${name} is '${name}';
       grant bench_marker to ${name} with inherit false, set false;
       grant customers_reader to ${name} with inherit true, set false`,
    )
    await this.#source.query('commit')
    await this.#source.query(LENT)
    await this.#inStore(async (store) => {
      await store.query('select * from bench_sessions where id = $1 for update', [id])
      await this.#askClaim(id)
      await this.#move(id, 'APPROVED', 'GRANTED', 4)
      await this.#writeLetters(id)
      await store.query('update bench_users set role_oid = 1 where session_id = $1', [id])
    })
    await this.#lockUser(name)
    await this.#askClaim(id)
    await this.#source.query(`alter role ${name} login`)
    await this.#source.query('commit')
    await this.#inStore(async (store) => {
      await store.query('update bench_users set login_at = now() where session_id = $1', [id])
      await this.#record('task.succeeded')
      await store.query(`delete from bench_jobs where session_id = $1 and kind = 'grant'`, [id])
    })
  }

  /** r1: the decision. */
  async decide(id: number): Promise<void> {
    await this.#inStore(async (store) => {
      await store.query('select * from bench_sessions where id = $1 for update', [id])
      await this.#move(id, 'GRANTED', 'EXPIRED', 5)
      await this.#record('task.succeeded')
      await this.#writeLetters(id)
      await store.query(`insert into bench_jobs values ($1, 'removal', now())`, [id])
    })
  }

  /** r2: no login, in its own commit. */
  async shutOut(id: number): Promise<void> {
    const name = nameOf(id)
    await this.#source.query(`alter role ${name} nologin connection limit 0 valid until 'now'`)
  }

  /** r3: every backend, by OID. */
  async endBackends(): Promise<void> {
    for (let clear = 0; clear < 2;) {
      const { rowCount } = await this.#source.query(
        `select pg_terminate_backend(pid)
           from pg_stat_activity
          where usesysid in (select oid from pg_roles where rolname like 'bare\\_%')`,
      )
      clear = rowCount === 0 ? clear + 1 : 0
    }
  }

  /** r4 to r8, of a user that owns nothing. */
  async remove(id: number): Promise<void> {
    const name = nameOf(id)
    await this.#source.query(`grant ${name} to current_user with inherit true, set true`)
    await this.#source.query(
      `select dbid from pg_shdepend where refclassid = 'pg_authid'::regclass and refobjid = '${name}'::regrole`,
    )
    await this.#source.query(`drop role ${name}`)
    await this.#inStore(async (store) => {
      await store.query('select * from bench_sessions where id = $1 for update', [id])
      await store.query('update bench_sessions set removed_at = now() where id = $1', [id])
      await store.query('update bench_users set removed_at = now() where session_id = $1', [id])
      await store.query(`delete from bench_jobs where session_id = $1 and kind = 'removal'`, [id])
      await this.#record('session.removed')
      await this.#record('task.succeeded')
    })
  }

  async #askClaim(id: number): Promise<void> {
    await this.#store.query(
      `select session_id from bench_jobs where session_id = $1 and claimed_by = 'us' for update`,
      [id],
    )
  }

  async #lockUser(name: string): Promise<void> {
    await this.#source.query(
      `begin;
       select pg_advisory_xact_lock(hashtextextended('${name}', 0));
       select oid, rolcanlogin, shobj_description(oid, 'pg_authid') from pg_roles where rolname = '${name}'`,
    )
  }

  async #writeLetters(id: number): Promise<void> {
    await this.#store.query(
      `insert into bench_mails (session_id, kind, due_at, facts)
       select $1, kind, now(), '{}' from unnest(array['changed', 'ends soon', 'ends soon']) as kind`,
      [id],
    )
  }

  async #move(id: number, from: string, to: string, ordinal: number): Promise<void> {
    await this.#store.query('update bench_sessions set state = $2, at = now() where id = $1', [
      id,
      to,
    ])
    await this.#store.query('insert into bench_moves values ($1, $2, $3, $4, now())', [
      id,
      ordinal,
      from,
      to,
    ])
    await this.#record(`session.${to.toLowerCase()}`)
  }

  async #record(action: string): Promise<void> {
    await this.#store.query(
      `with made as (insert into bench_records (at, action, body) values (now(), $1, $2) returning at, seq)
       insert into bench_payloads select seq, at, $2::jsonb from made`,
      [action, BODY],
    )
  }

  async #inStore(work: (store: pg.Client) => Promise<void>): Promise<void> {
    await this.#store.query('begin')
    await work(this.#store)
    await this.#store.query('commit')
  }
}

function nameOf(id: number): string {
  return `bare_user_${String(id)}_abcdefgh`
}
