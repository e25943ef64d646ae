import assert from 'node:assert/strict'
import { redactSql } from '../../../proxy/statements/redaction.ts'
import { changesPassword } from '../../../proxy/statements/password-changes.ts'

const STANDARD = { backslashEscapes: false }

describe('proxy/password-changes', () => {
  for (const sql of [
    `alter role current_user password 'hunter2'`,
    `ALTER USER r WITH LOGIN ENCRYPTED PASSWORD 'hunter2' VALID UNTIL '2030-01-01'`,
    `alter role r password null`,
    `alter role "odd; name" password $$hunter2$$`,
    `select 1; alter user session_user/* now */password\n'hunter2'; select 2`,
    `alter role password password 'hunter2'`,
    `do $$ begin execute 'alter role r password ''hunter2'''; end $$`,
    `do $$ begin execute format('alter role %I password %L', current_user, 'hunter2'); end $$`,
    `do E'begin\\nalter role r\\npassword \\'hunter2\\'; end'`,
    `do U&'begin alter role r p\\0061ssword ''hunter2''; end'`,
    `create function f() returns void language sql as $f$ alter role r password 'hunter2' $f$`,
  ]) {
    it(`sees a change in ${JSON.stringify(sql)}`, () => {
      assert.equal(changesPassword(sql, STANDARD), true)
      assert.equal(changesPassword(redactSql(sql, STANDARD), STANDARD), true, 'as recorded')
    })
  }

  for (const sql of [
    `create role r password 'hunter2'`,
    `alter user mapping for u server s options (set password 'hunter2')`,
    `alter role r set search_path = 'x'; select password from accounts`,
    `alter table accounts add column password text`,
    `alter role r rename to password;`,
    `select 'alter', 'role', 'password'`,
    `-- alter role r password 'x'\nselect 1`,
    `insert into notes values ('please alter the user''s password')`,
  ]) {
    it(`sees none in ${JSON.stringify(sql)}`, () => {
      assert.equal(changesPassword(sql, STANDARD), false)
    })
  }

  it('reads constants that go on in another line as one', () => {
    const across = `do 'begin alter role r pass' -- so\n  'word ''hunter2''; end'`
    const apart = `select 'alter role r pass' 'word ''hunter2'''`

    assert.equal(changesPassword(across, STANDARD), true)
    assert.equal(changesPassword(apart, STANDARD), false)
  })

  it('takes no longer than the text is long', () => {
    for (const sql of [
      'alter '.repeat(200_000),
      `password ${'alter '.repeat(200_000)}`,
      `alter password ${"'alter role password' ".repeat(50_000)}`,
    ]) {
      const began = performance.now()
      changesPassword(sql, STANDARD)
      assert.ok(performance.now() - began < 1_000, sql.slice(0, 40))
    }
  })
})
