import { extensionOf, FIRST_OWN_OID, rightsOf } from './sql.ts'

/** Tables, views, sequences and what hangs on them. */
export const RELATION_LINES: readonly string[] = [relations(), hangers()]

function relations(): string {
  return `
with columns as (
  select a.attrelid as oid,
         md5(string_agg(concat(row(a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull, a.attisdropped, a.attidentity,
                                   a.attgenerated, a.attcollation, d.adbin::text)::text, a.attfdwoptions::text),
                        ',' order by a.attnum)) as digest,
         string_agg(quote_ident(a.attname) || ': ' || array_to_string(a.attacl, ', '), '; ' order by a.attnum)
           filter (where a.attacl is not null) as rights
    from pg_attribute a
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
   where a.attrelid >= ${FIRST_OWN_OID}
     and a.attnum > 0
   group by a.attrelid
), indexes as (
  select i.indrelid as oid, string_agg(quote_ident(c.relname), ', ' order by c.relname) as names,
         md5(string_agg(row(c.relname, i.indisunique, i.indisvalid, i.indkey, i.indclass, i.indexprs::text,
                            i.indpred::text)::text, ',' order by c.relname)) as digest
    from pg_index i
    join pg_class c on c.oid = i.indexrelid
   where i.indrelid >= ${FIRST_OWN_OID}
   group by i.indrelid
), checks as (${constraints()}
), sequences as (
  select seqrelid as oid, md5(row(s.*)::text) as digest from pg_sequence s
)
select case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'S' then 'sequence'
                      when 'f' then 'foreign table' else 'table' end as kind,
       quote_ident(n.nspname) || '.' || quote_ident(c.relname) as name,
       array_remove(array['schema ' || quote_ident(n.nspname), ${extensionOf('pg_class', 'c.oid')}], null) as parents,
       array[c.relowner::int8] as by,
       json_build_object(
         'owner', pg_get_userbyid(c.relowner), ${rightsOf('c.relacl', 'r', 'c.relowner')},
         'column rights', o.rights, 'row security', nullif(c.relrowsecurity, false),
         'row security forced', nullif(c.relforcerowsecurity, false), 'unlogged', nullif(c.relpersistence = 'u', false),
         'options', array_to_string(c.reloptions, ', '), 'indexes', i.names, 'constraints', k.names,
         '#columns', o.digest, '#index definitions', i.digest, '#constraint definitions', k.digest,
         '#definition', md5(concat(w.ev_action::text, q.digest, c.relispartition, c.relreplident,
                                   c.relpartbound::text, f.ftserver::text, f.ftoptions::text,
                                   (select string_agg(inhparent::text, ',' order by inhseqno)
                                      from pg_inherits where inhrelid = c.oid)))) as facts
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  left join columns o on o.oid = c.oid
  left join indexes i on i.oid = c.oid
  left join checks k on k.oid = c.oid
  left join sequences q on q.oid = c.oid
  left join pg_foreign_table f on f.ftrelid = c.oid
  left join pg_rewrite w on w.ev_class = c.oid and w.rulename = '_RETURN'
 where c.oid >= ${FIRST_OWN_OID}
   and c.relkind in ('r', 'p', 'v', 'm', 'S', 'f')
   and c.relpersistence <> 't'`
}

/** What a foreign key does is part of it: it can be made anew under its name. */
function constraints(): string {
  return `
  select conrelid as oid, string_agg(quote_ident(conname), ', ' order by conname) as names,
         md5(string_agg(concat(row(conname, contype, convalidated, conkey, confrelid, confkey, conbin::text)::text,
                               case when contype = 'f' or condeferrable
                                    then row(confupdtype, confdeltype, confdelsetcols, confmatchtype,
                                             condeferrable, condeferred)::text end),
                        ',' order by conname)) as digest
    from pg_constraint
   where conrelid >= ${FIRST_OWN_OID}
   group by conrelid`
}

function hangers(): string {
  return `
select 'trigger' as kind, i.identity as name, array['table ' || r.identity, r.type || ' ' || r.identity] as parents,
       array[p.proowner::int8, c.relowner] as by,
       json_build_object('calls', f.identity, 'enabled', t.tgenabled,
                         '#definition', md5(row(t.tgtype, t.tgattr, t.tgargs, t.tgqual::text)::text)) as facts
  from pg_trigger t
  join pg_class c on c.oid = t.tgrelid
  join pg_proc p on p.oid = t.tgfoid
 cross join lateral pg_identify_object('pg_trigger'::regclass, t.oid, 0) i
 cross join lateral pg_identify_object('pg_class'::regclass, c.oid, 0) r
 cross join lateral pg_identify_object('pg_proc'::regclass, p.oid, 0) f
 where not t.tgisinternal
   and t.tgparentid = 0
   and c.relpersistence <> 't'
 union all
select 'policy', i.identity, array['table ' || r.identity], array[c.relowner::int8],
       json_build_object(
         'for', p.polcmd, 'permissive', p.polpermissive,
         'roles', (select string_agg(case m when 0 then 'public' else pg_get_userbyid(m) end, ', ' order by m)
                     from unnest(p.polroles) m),
         '#condition', md5(row(p.polqual::text, p.polwithcheck::text)::text))
  from pg_policy p
  join pg_class c on c.oid = p.polrelid
 cross join lateral pg_identify_object('pg_policy'::regclass, p.oid, 0) i
 cross join lateral pg_identify_object('pg_class'::regclass, c.oid, 0) r
 union all
select 'rule', i.identity, array[r.type || ' ' || r.identity], array[c.relowner::int8],
       json_build_object('enabled', w.ev_enabled,
                         '#definition', md5(row(w.ev_type, w.is_instead, w.ev_qual::text, w.ev_action::text)::text))
  from pg_rewrite w
  join pg_class c on c.oid = w.ev_class
 cross join lateral pg_identify_object('pg_rewrite'::regclass, w.oid, 0) i
 cross join lateral pg_identify_object('pg_class'::regclass, c.oid, 0) r
 where w.oid >= ${FIRST_OWN_OID}
   and w.rulename <> '_RETURN'
 union all
select 'default acl', i.identity, '{}', array[d.defaclrole::int8],
       json_build_object('rights', array_to_string(array(select a::text from unnest(d.defaclacl) a order by 1), ', '))
  from pg_default_acl d
 cross join lateral pg_identify_object('pg_default_acl'::regclass, d.oid, 0) i
 union all
-- one line for each owner: a database may hold millions
select 'large objects', 'of ' || quote_ident(pg_get_userbyid(lomowner)), '{}', array[lomowner::int8],
       json_build_object('owner', pg_get_userbyid(lomowner), 'count', count(*), 'highest', max(oid::int8),
                         '#rights', md5(string_agg(distinct lomacl::text, ';' order by lomacl::text)))
  from pg_largeobject_metadata
 group by lomowner`
}
