import assert from 'node:assert/strict'
import { readDatabase, type Catalog } from '../../broker/catalogs/catalog.ts'
import { compareCatalogs } from '../../broker/catalogs/diff.ts'
import { collectOwned } from '../../broker/catalogs/owned.ts'
import { findRole } from '../../broker/session-users/session-users.ts'
import { openPreflight, type PreflightBench } from '../support/preflight.ts'

describe('what a reading of the catalogs sees', () => {
  let bench: PreflightBench

  before(async () => {
    bench = await openPreflight()
    await bench.onShop(
      `create schema seen; set search_path to seen;
       create table parent (a integer); create table child () inherits (parent);
       create table goods (id integer primary key, code integer constraint one_code unique);
       create table lines (good integer constraint fk references goods);
       create foreign data wrapper far; create server away foreign data wrapper far;
       create foreign table ft (a integer options (column_name 'one')) server away options (table_name 'one');
       create aggregate total (integer) (sfunc = int4pl, stype = integer, initcond = '0');
       create text search configuration words (copy = english)`,
    )
  })
  after(async () => {
    await bench.onShop('drop schema seen cascade; drop foreign data wrapper far cascade')
    await bench.close()
  })

  const read = (): Promise<Catalog> =>
    bench.withTarget((target) => readDatabase(target, () => undefined))
  const changed = async (sql: string): Promise<string[]> => {
    const before = await read()
    await bench.onShop(`set search_path to seen; ${sql}`)
    return compareCatalogs(before, await read()).map(({ key, detail }) => `${key}: ${detail}`)
  }
  const fk = (action: string): string =>
    `alter table lines drop constraint fk;
     alter table lines add constraint fk foreign key (good) references goods ${action}`
  const replaced = 'table seen.lines: constraint definitions changed'

  for (const [what, sql, ...told] of [
    ['a new column', 'alter table lines add n integer', 'table seen.lines: columns changed'],
    ['nothing, where nothing changed', 'select 1'],
    ['the same foreign key, made anew', fk('')],
    ['a foreign key that deletes', fk('on delete cascade'), replaced],
    ['a foreign key that updates', fk('on update cascade'), replaced],
    ['a foreign key that matches otherwise', fk('match full'), replaced],
    ['a foreign key that waits', fk('deferrable'), replaced],
    ['a foreign key that waits by itself', fk('deferrable initially deferred'), replaced],
    [
      'a unique column that waits',
      `alter table goods drop constraint one_code;
       alter table goods add constraint one_code unique (code) deferrable`,
      'table seen.goods: constraint definitions changed',
    ],
    [
      'options of a foreign table',
      `alter foreign table ft options (set table_name 'two')`,
      'foreign table seen.ft: definition changed',
    ],
    [
      'options of its column',
      `alter foreign table ft alter a options (set column_name 'two')`,
      'foreign table seen.ft: columns changed',
    ],
    [
      'a child without its parent',
      'alter table child no inherit parent',
      'table seen.child: definition changed',
    ],
    [
      'an aggregate that was replaced',
      `create or replace aggregate total (integer) (sfunc = int4mi, stype = integer, initcond = '7')`,
      'aggregate seen.total(integer): definition changed',
    ],
    [
      'words that are looked up elsewhere',
      'alter text search configuration words alter mapping for word with simple',
      'text search configuration seen.words: definition changed',
    ],
  ] as const) {
    it(`is ${what}`, async () => {
      assert.deepEqual(await changed(sql), told)
    })
  }

  it('is whatever a user owns, whatever its name, but for what is temporary', async () => {
    await bench.withRole('maker', async (name) => {
      const owned = await bench.withTarget(async (target) => {
        await bench.onShop(
          `grant usage on foreign data wrapper far to ${name}; grant create, usage on schema seen to ${name};
           set role ${name}; create server pg_temp_evil foreign data wrapper far;
           create server plain foreign data wrapper far;
           create temporary table gone (n integer); create table seen.made (n integer)`,
        )
        const role = await findRole(target, name)
        assert.ok(role)
        return collectOwned(target, role)
      })
      assert.deepEqual(owned.map(({ kind, name: named }) => `${kind} ${named}`).sort(), [
        'server pg_temp_evil',
        'server plain',
        'table seen.made',
      ])
    })
  })
})
