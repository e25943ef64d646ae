import assert from 'node:assert/strict'
import fc from 'fast-check'
import { redactSql, redactValue } from '../../../proxy/statements/redaction.ts'

const STANDARD = { backslashEscapes: false }

describe('proxy/redaction', () => {
  for (const sql of [
    `create role r password 'hunter2'`,
    `CREATE USER r WITH LOGIN ENCRYPTED PASSWORD 'hunter2' VALID UNTIL '2030-01-01'`,
    `alter role r password e'hunter2\\'hunter2'`,
    `alter role r password E'hunter2''hunter2'`,
    `alter role r password U&'hunter2' uescape '!'`,
    `alter role r password n'hunter2'`,
    `alter role r password $$hunter2$$`,
    `alter role r password $a$hunter2$$hunter2$a$`,
    `alter role r password\n-- it's a 'comment'\n/* and /* another's */ one */ 'hunter2'`,
    `alter role r password 'hunter2'\n  'hunter2'`,
    `alter role r password 'hunter2''hunter2`,
    `alter role r password'hunter2'`,
    `select 'it''s'; alter role r password 'hunter2'; select 'x'`,
    `select $1; alter role r password 'hunter2'`,
    `select "odd""name'"; alter role r password 'hunter2'`,
    `select 'a\\'; alter role r password 'hunter2'`,
    `create user mapping for u server s options (user 'x', password 'hunter2')`,
    `create user mapping for u server s options ("password" 'hunter2')`,
    `alter user mapping for u server s options (set password 'hunter2', add sslpassword 'hunter2')`,
    `create subscription s connection 'host=h password=hunter2 dbname=d' publication p`,
    `create subscription s connection 'host=h password = ''hunter2 hunter2''' publication p`,
    `create subscription s connection E'host=h password=\\'hunter2\\'' publication p`,
    `create subscription s connection 'postgresql://u:hunter2@h/d' publication p`,
    `select dblink_connect('host=h password=hunter2')`,
    `select dblink($q$password=hunter2$q$, 'select 1')`,
    `do $$ begin execute 'alter role r password ''hunter2'''; end $$`,
    `do $a$ begin execute $b$alter role r password $c$hunter2$c$$b$; end $a$`,
    `do 'begin execute ''alter role r password ''''hunter2''''''; end'`,
    `do 'begin alter role r pass'\n'word ''hunter2''; end'`,
    `do 'begin alter role r pass' -- it's one\r\n -- 'constant'\n 'word ''hunter2''; end'`,
    `do $$ begin execute 'alter role r pass'\n'word ''hunter2'''; end $$`,
    `do E'begin alter role r pass'\n'word \\'hunter2\\'; end'`,
    `do E'begin\\nalter role r\\npassword \\'hunter2\\';\\nend'`,
    `do E'begin alter role r p\\x61ss\\167ord ''hunter2''; end'`,
    `do U&'begin alter role r p\\0061sswor\\+000064 ''hunter2''; end'`,
    `create user mapping for u server s options (U&"p\\0061ssword" 'hunter2')`,
    `select dblink_connect('host=h pass'\n'word=hunter2')`,
    `select dblink_connect('password=''a\\''hunter2''')`,
    `select dblink_connect('options=''password ''''x'''''' password=hunter2')`,
    `select dblink_connect('postgresql://h/d?user=u&password=hunter2')`,
    `create subscription s connection 'postgresql://h/d?sslpassword=hunter2&user=u' publication p`,
    `alter system set primary_conninfo = 'host=h password=hunter2'`,
    `alter role r password = 'hunter2'`,
    `alter role r with password "hunter2"`,
    `do $$ begin execute format('alter role %I password %L', 'r', 'hunter2'); end $$`,
    `do $$ begin execute 'alter role r password ' || quote_literal('hunter2'); end $$`,
    `do $$ begin execute 'alter role r password ''' || 'hunter2' || ''''; end $$`,
    `update pg_authid set rolpassword = 'SCRAM-SHA-256$4096:hunter2$hunter2:hunter2'`,
    `alter role r password hunter2`,
    `alter role r with encrypted password hunter2 valid until '2030-01-01'`,
    `alter role r password = hunter2`,
    `alter role r password my-hunter2'hunter2'$hunter2`,
    `create role "r" password 12hunter2; select 1`,
    `do $$ begin alter role r password hunter2; end $$`,
    `create user mapping for u server s options (user u, password hunter2)`,
    `select 1 -- alter role r password 'hunter2'`,
    `select 1 /* ask bob: /* password hunter2 */ hunter2 */`,
    `/* postgres://u:hunter2@h/d */ select 1`,
    `create user mapping for u server s options (U&"p!0061ssword" UESCAPE '!' 'hunter2')`,
    `create user mapping for u server s options (U&"p\\0061ssword" /* */ uescape $$\\$$ 'hunter2')`,
    `alter role r U&"p!0061ssword" uescape '!' hunter2`,
    `select dblink_connect(U&'p!0061ssword=hunter2' uescape '!')`,
    `do U&'begin alter role r p!0061ssword ''hunter2''; end' uescape E'\\x21'`,
    `copy t from program 'env PGPASSWORD=hunter2 psql -c ''table t'''`,
    `copy t from program $$PGPASSWORD="hunter2 hunter2" psql$$`,
    `copy t from program 'pg_dump --password=hunter2'`,
    `copy t to program 'echo h:5432:*:u:hunter2 >> ~/.pgpass'`,
    `copy (select '*:*:d:u:hunter2\\:hunter2') to '/var/lib/postgresql/.pgpass'`,
    `do $$ begin perform pg_file_write('.pgpass', 'h:5432:d:u:hunter2', true); end $$`,
    `copy t to program E'printf "h:5432:d:u:hunter2\\n" > $PGPASSFILE'`,
    `select 1 /* as in .pgpass: h:5432:d:u:hunter2*/`,
    `select 1 -- .pgpass has h:5432:d:u:hunter2`,
    `copy t to program 'psql "host=h user=u password=hunter2 dbname=d" -c x'`,
    `copy t from program 'psql -d "host=h password=''hunter2 hunter2''"'`,
    `copy t from program 'pg_dump "--dbname=host=h password=hunter2"'`,
    `copy t to program 'psql postgres://u:hunter2@h/d'`,
    `copy t from program E'PGPASSWORD=hunter2 psql'`,
    `select dblink_connect('c', E'postgresql:\\x2f\\x2fu:hunter2@h/d')`,
    `select dblink_connect($$postgres://u:hunter2@h/d$$)`,
    `select dblink_connect(U&'p!006Fstgres://u:hunter2@h/d' uescape '!')`,
    `select dblink_connect('postgres://u:hunter2!@hunter2@h/d')`,
    `select 'postgres://u:hunter2@h/d,postgres://u:hunter2@h/d'`,
    `select dblink_connect('host=h password=' || 'hunter2')`,
    `select dblink_connect('host=h password = ''' || 'hunter2' || '''')`,
    `select dblink_connect(format('host=%s password=%s', 'h', 'hunter2'))`,
    `select dblink_connect('postgres://u:' || 'hunter2' || '@h/d')`,
    `select dblink_connect(format('postgres://%1$s:%2$s@h/d', 'u', 'hunter2'))`,
    `alter subscription s connection E'host=h password=hunter2'`,
    `alter server s options (set password $$hunter2$$)`,
    `do $$ begin execute format('alter server s options (set password %L)', 'hunter2'); end $$`,
    `create user mapping for current_user server s options (user 'x', password U&'hunter2')`,
    `ALTER USER "r" PASSWORD 'SCRAM-SHA-256$4096:hunter2$hunter2=:hunter2='`,
    `create group g password hunter2`,
    `set application_name = 'host=h password=hunter2'`,
    `select set_config('application_name', 'psql postgres://u:hunter2@h/d', false)`,
    `alter role r set application_name = 'postgres://u:hunter2@h/d'`,
    `prepare p as select dblink_connect('host=h password=hunter2')`,
    `set password_encryption = 'scram-sha-256'; alter role r password 'hunter2'`,
  ]) {
    it(`takes the secret out of ${JSON.stringify(sql)}`, () => {
      const redacted = redactSql(sql, STANDARD)

      assert.doesNotMatch(redacted, /hunter2/)
      assert.match(redacted, /\[redacted\]/)
    })
  }

  it('leaves everything around the secret as it was', () => {
    assert.equal(
      redactSql(`create role r password 'x' valid until '2030-01-01' -- 'y'`, STANDARD),
      `create role r password '[redacted]' valid until '2030-01-01' -- 'y'`,
    )
    assert.equal(
      redactSql(`select dblink_connect('host=h password=x user=''o'' ')`, STANDARD),
      `select dblink_connect('host=h password=[redacted] user=''o'' ')`,
    )
  })

  for (const sql of [
    `select 'password'`,
    `copy t to program 'echo h:5432:d:u:x'`,
    `select 'a:1:b', '::1' /* not in .pgpass */`,
    `alter role r password null`,
    `set password_encryption = 'md5'`,
    `alter role r set search_path = 'a'; select 'b' where password = 'y'`,
    `select dblink_connect('postgres://h:5432/d'), 'a@b'`,
    `insert into letters values ('reset password', 'bob')`,
    `set password_encryption to 'scram-sha-256'; select 'postgres://u@h/d'`,
    `do $$ begin execute 'select 1 from users where password = ' || quote_literal('y'); end $$`,
    `select 'pass'\n'ing', E'a\\n\\x62', U&'\\0061'`,
    `select password, 'x' from users where password = 'y'`,
    `insert into users (name, password) values ('a', 'b')`,
    `do $$ begin perform 1 from users where password = 'y'; end $$`,
    `comment on column users.password is 'what they type'`,
    `alter role r password NULL valid until '2030-01-01'`,
    `create role password login`,
    `alter role r connection limit 5 -- it needs a new password`,
    `alter user mapping for u server s options (drop password)`,
    `select U&'p!0061ss' uescape '!', U&"d\\0061ta" from t /* it's fine */`,
  ]) {
    it(`leaves ${JSON.stringify(sql)} alone`, () => {
      assert.equal(redactSql(sql, STANDARD), sql)
    })
  }

  it('leaves what stands behind a comment outside of it', () => {
    assert.equal(
      redactSql('/* a /* password x */ y */ alter role r login', STANDARD),
      '/* a /* password [redacted] */ */ alter role r login',
    )
  })

  it('takes a secret without quotes out up to the next space', () => {
    assert.equal(
      redactSql('alter role r password p@ss-1(x) login; select 1', STANDARD),
      `alter role r password '[redacted]' login; select 1`,
    )
  })

  it('reads backslashes in plain constants when the connection does', () => {
    const sql = `alter role r password 'a\\'hunter2'`

    assert.doesNotMatch(redactSql(sql, { backslashEscapes: true }), /hunter2/)
  })

  it('takes secrets out of values that are connection strings', () => {
    assert.equal(redactValue('host=h password=x dbname=d'), 'host=h password=[redacted] dbname=d')
    assert.equal(redactValue('postgres://u:x@h/d'), 'postgres://u:[redacted]@h/d')
    assert.equal(redactValue('my password is x'), 'my password is x')
    assert.equal(
      redactValue('psql "host=h password=x" -c y'),
      'psql "host=h password=[redacted] -c y',
    )
    assert.equal(redactValue('a:1:b:c:d > .pgpass'), 'a:1:b:c:[redacted] > .pgpass')
    assert.equal(redactValue('a:1:b:c:d'), 'a:1:b:c:d')
  })

  it('takes out the old form of verifier', () => {
    const verifier = `md5${'0123456789abcdef'.repeat(2)}`

    assert.equal(
      redactSql(`update pg_authid set rolpassword = '${verifier}'`, STANDARD),
      `update pg_authid set rolpassword = '[redacted]'`,
    )
  })

  it('takes a long secret out of a URL whole', () => {
    const url = `postgres://u:${'hunter2'.repeat(400)}@h/d`

    assert.equal(redactValue(url), 'postgres://u:[redacted]@h/d')
  })

  it('ends on any text, in time that its length pays for', () => {
    const pieces = [
      "'",
      '"',
      '$',
      '$$',
      '/*',
      '*/',
      '--',
      '\n',
      '\\',
      'password',
      ' ',
      'e',
      '=',
      'x',
    ]
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...pieces)), (parts) => {
        redactSql(`password ${parts.join('')}`, STANDARD)
        redactSql(`password ${parts.join('')}`, { backslashEscapes: true })
      }),
    )
    for (const piece of [...pieces, 'password=', 'postgres://a:', "password '", '$a', "e'", "''"]) {
      // the square of this length takes minutes
      const text = `password${piece.repeat(256 * 1024)}`.slice(0, 256 * 1024)
      redactSql(text, STANDARD)
      redactSql(`'a=${text}`, STANDARD)
    }
  })

  it('looks for the place of a secret in a constant of any length', () => {
    for (const end of ['x', '%', "''%", '', "'' "]) {
      const text = `select 'alter role r password${' '.repeat(400 * 1024)}${end}' || 'hunter2'`
      const isPlace = end !== 'x'
      assert.equal(redactSql(text, STANDARD).includes('hunter2'), !isPlace, end)
    }
  })

  for (const [head, piece] of [
    ["password 'a'", '\n'],
    ["password 'a'\n", "--'\n"],
    ["password 'a'", "\n'b'"],
    ["do '", "''a''\n"],
    ["password 'a'", '--'],
    ["do e'", '\\0'],
    ["do 'a=", 'postgres://a:'],
    ['password; ', "u&'a' uescape "],
    ['password; ', "u&'a' /**/"],
    ['password ', '/* % '],
    ['alter role r password ', 'x+'],
    ["select 'password", '=" '],
    ["select 'password", '=% '],
    ["select 'postgres://a:", '@b'],
    ["select 'postgres://a:", '%1'],
    ["select '.pgpass", ':1:a:'],
    ["select '.pgpass", ':*:'],
  ] as const) {
    it(`reads a megabyte of ${JSON.stringify(piece)} in time that its length pays for`, () => {
      const text = (head + piece.repeat(1024 * 1024)).slice(0, 1024 * 1024)
      // the square of it takes minutes, and no test may
      assert.ok(redactSql(text, STANDARD).length <= text.length + 64)
    })
  }
})
