import assert from 'node:assert/strict'
import { makeBroker, type HandBroker } from '../support/broker.ts'
import { openShop, type ShopSessions } from '../support/sessions-on-shop.ts'
import { makeWorld, runOn, type World } from '../support/world.ts'

/** PostgreSQL prefers an exact match of argument types over its own function of that name. */
const PLANTED = [
  `create function public.hashtextextended(t text, n integer) returns bigint language plpgsql as $f$
   begin
     insert into public.loot values (current_user, 'hashtextextended');
     return 1;
   end $f$`,
  `create function public.json_build_object(text, name, text, name, text, boolean, text, boolean) returns json
   language plpgsql as $f$
   begin
     insert into public.loot values (current_user, 'json_build_object');
     return pg_catalog.json_build_object('role', $2, 'grantor', $4, 'sets', $6, 'administers', $8);
   end $f$`,
  `create function public.loot_compare(name, text) returns boolean language plpgsql as $f$
   begin
     insert into public.loot values (current_user, 'operator');
     return $1::text = $2;
   end $f$`,
  `create operator public.= (leftarg = name, rightarg = text, function = public.loot_compare)`,
]

describe('functions and operators that a session user planted', () => {
  let world: World
  let broker: HandBroker
  let shop: ShopSessions

  before(async () => {
    world = await makeWorld()
    broker = makeBroker(world)
    shop = await openShop(world, broker)
  })
  after(() => world.close())

  it('never run as the admin login', async () => {
    const session = await shop.grant()
    const url = await shop.urlOf(session)
    await runOn(url, 'create table public.loot (who name, what text)')
    await runOn(url, 'grant all on public.loot to public')
    for (const sql of PLANTED) await runOn(url, sql)

    await broker.reconcile()
    await shop.grant()
    await shop.cancel(session)
    await broker.tick()

    assert.deepEqual(
      await shop.onShop('select distinct who, what from public.loot where who = $1', [
        world.shop.adminName,
      ]),
      [],
    )
  })
})
