import { extensionOf, FIRST_OWN_OID, rightsOf } from './sql.ts'

/** Functions, procedures, aggregates and types. */
export const ROUTINE_LINES: readonly string[] = [routinesAndTypes()]

function routinesAndTypes(): string {
  return `
select i.type as kind, i.identity as name,
       array_remove(array['schema ' || i.schema, ${extensionOf('pg_proc', 'p.oid')}], null) as parents,
       array[p.proowner::int8] as by,
       json_build_object(
         'owner', pg_get_userbyid(p.proowner), ${rightsOf('p.proacl', 'f', 'p.proowner')},
         'SECURITY DEFINER', nullif(p.prosecdef, false), 'language', l.lanname,
         '#definition', md5(concat(row(p.prosrc, p.probin, p.proconfig, p.provolatile, p.proisstrict, p.proretset,
                                       p.prorettype, p.proargnames, p.proallargtypes, p.proargdefaults::text,
                                       p.prosqlbody::text, p.proleakproof)::text, a::text))) as facts
  from pg_proc p
  join pg_language l on l.oid = p.prolang
  left join pg_aggregate a on a.aggfnoid = p.oid
 cross join lateral pg_identify_object('pg_proc'::regclass, p.oid, 0) i
 where p.oid >= ${FIRST_OWN_OID}
   and i.identity not like 'pg!_temp%' escape '!'
 union all
select 'type', i.identity,
       array_remove(array['schema ' || i.schema, ${extensionOf('pg_type', 't.oid')}], null), array[t.typowner::int8],
       json_build_object(
         'owner', pg_get_userbyid(t.typowner), ${rightsOf('t.typacl', 'T', 't.typowner')},
         '#definition', md5(concat(
           t.typtype, t.typbasetype, t.typtypmod, t.typnotnull, t.typdefault,
           (select string_agg(enumlabel, ',' order by enumsortorder) from pg_enum where enumtypid = t.oid),
           (select string_agg(conname || coalesce(conbin::text, ''), ',' order by conname)
              from pg_constraint where contypid = t.oid),
           (select string_agg(row(attname, atttypid, atttypmod, attisdropped)::text, ',' order by attnum)
              from pg_attribute where attrelid = t.typrelid))))
  from pg_type t
  left join pg_class c on c.oid = t.typrelid
 cross join lateral pg_identify_object('pg_type'::regclass, t.oid, 0) i
 where t.oid >= ${FIRST_OWN_OID}
   and t.typtype in ('b', 'c', 'd', 'e', 'r')
   and (c.oid is null or c.relkind = 'c')
   and (t.typelem = 0 or t.typcategory <> 'A')
   and i.identity not like 'pg!_temp%' escape '!'`
}
