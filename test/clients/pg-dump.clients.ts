import assert from 'node:assert/strict'
import { assertRecorded, runProgram, ThroughProxy } from './through-proxy.ts'

/** pg_dump refuses servers newer than itself: the data source is of its own package. */
const DEBIAN = '/usr/lib/postgresql/15/bin'

describe('pg_dump and pg_restore through the proxy', () => {
  let proxy: ThroughProxy

  before(async () => {
    proxy = await ThroughProxy.start(DEBIAN)
    await proxy.world.onShop(
      'create schema art',
      `create type art.style as enum ('oil', 'ink')`,
      `create table art.painters (id serial primary key, name text not null, born date)`,
      `create table art.works (id bigserial primary key, painter int references art.painters, style art.style,
                               pixels bytea, tags text[], about jsonb)`,
      `insert into art.painters (name, born) select 'painter ' || n, date '1800-01-01' + n from generate_series(1, 200) n`,
      `insert into art.works (painter, style, pixels, tags, about)
       select 1 + n % 200, 'oil', decode(md5(n::text), 'hex'), array['a', 'b' || n], jsonb_build_object('n', n)
         from generate_series(1, 5000) n`,
      `create view art.old as select * from art.painters where born < '1850-01-01'`,
      `create function art.twice(int) returns int language sql immutable as 'select 2 * $1'`,
      'create index on art.works using gin (about)',
      `comment on table art.works is 'it''s art'`,
      'grant usage on schema art to public',
      'grant select on all tables in schema art to public',
      'grant select on all sequences in schema art to public',
      `do $$ begin execute format('grant create on database %I to public', current_database()); end $$`,
    )
  })

  after(() => proxy.close())

  it('dumps the same bytes as without it, and the recording has each COPY', async () => {
    const granted = await proxy.world.grant()
    const through = await proxy.output(granted, dump())
    assert.equal(comparable(through), comparable(await directDump()))
    const recording = await proxy.recorded(granted, ({ text }) => text.includes('COPY art.works'))
    assertRecorded(recording, /^COPY art\.works .* TO stdout/, {
      kind: 'copy out',
      tag: 'COPY 5000',
    })
    assertRecorded(recording, /^LOCK TABLE/, { tag: 'LOCK TABLE' })
  })

  it('dumps in parallel, and restores in parallel what another user then owns', async () => {
    const granted = await proxy.world.grant()
    const before = comparable(await directDump())
    const folder = `${proxy.folder}/dump`
    await proxy.output(granted, dump('-Fd', '-j', '3', '-f', folder))
    await proxy.world.onShop('drop schema art cascade')
    await proxy.output(granted, {
      command: `${DEBIAN}/pg_restore`,
      args: ['--no-owner', '--no-privileges', '-j', '3', '-d', proxy.world.database, folder],
    })
    assert.equal(comparable(await directDump()), before)
    const recording = await proxy.recorded(
      granted,
      ({ text }) => text.startsWith('COPY art.works') && text.includes('FROM stdin'),
    )
    assertRecorded(recording, /^COPY art\.works .* FROM stdin/, {
      kind: 'copy in',
      tag: 'COPY 5000',
    })
    assertRecorded(recording, /^CREATE FUNCTION art\.twice/, { tag: 'CREATE FUNCTION' })
  })

  function dump(...more: readonly string[]): { command: string; args: string[] } {
    return {
      command: `${DEBIAN}/pg_dump`,
      args: ['-n', 'art', '--no-owner', '--no-privileges', ...more],
    }
  }

  async function directDump(): Promise<string> {
    const { code, stdout, stderr } = await runProgram({ ...dump(), environment: proxy.directly() })
    assert.equal(code, 0, stderr)
    return stdout
  }
})

/** Newer ones put a random word around a dump, against scripts in its data. */
function comparable(text: string): string {
  return text.replaceAll(/^\\(un)?restrict .*$/gm, '')
}
