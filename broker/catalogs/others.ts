import { VERSION_16 } from '../sources/data-source.ts'
import { extensionOf, FIRST_OWN_OID, rightsOf } from './sql.ts'

/** Schemas, extensions, publications, servers, and what else a database can hold. */
export const OTHER_LINES: readonly string[] = [named(), rest()]

function named(): string {
  return `
select 'schema' as kind, quote_ident(n.nspname) as name,
       array_remove(array[${extensionOf('pg_namespace', 'n.oid')}], null) as parents, array[n.nspowner::int8] as by,
       json_build_object('owner', pg_get_userbyid(n.nspowner), ${rightsOf('n.nspacl', 'n', 'n.nspowner')}) as facts
  from pg_namespace n
 where n.nspname !~ '^pg_(toast|temp)'
 union all
select 'extension', quote_ident(extname), '{}', array[extowner::int8],
       json_build_object('owner', pg_get_userbyid(extowner), 'version', extversion, 'schema', extnamespace::regnamespace)
  from pg_extension
 union all
select 'event trigger', quote_ident(evtname), '{}', array[evtowner::int8],
       json_build_object('owner', pg_get_userbyid(evtowner), 'on', evtevent, 'enabled', evtenabled,
                         'calls', f.identity, 'tags', array_to_string(evttags, ', '))
  from pg_event_trigger
 cross join lateral pg_identify_object('pg_proc'::regclass, evtfoid, 0) f
 union all
select 'publication', quote_ident(p.pubname), '{}', array[p.pubowner::int8],
       json_build_object(
         'owner', pg_get_userbyid(p.pubowner), 'every table', nullif(p.puballtables, false),
         '#definition', md5(concat(row(p.pubinsert, p.pubupdate, p.pubdelete, p.pubtruncate, p.pubviaroot)::text,
           (select string_agg(row(prrelid, prqual::text, prattrs)::text, ',' order by prrelid)
              from pg_publication_rel where prpubid = p.oid),
           (select string_agg(pnnspid::text, ',' order by pnnspid) from pg_publication_namespace where pnpubid = p.oid))))
  from pg_publication p
 union all
-- the address it connects to is a superuser's to read
select 'subscription', quote_ident(subname), '{}', array[subowner::int8],
       json_build_object('owner', pg_get_userbyid(subowner), 'enabled', subenabled, 'slot', subslotname,
                         'publications', array_to_string(subpublications, ', '))
  from pg_subscription
 where subdbid = (select oid from pg_database where datname = current_database())
 union all
select 'foreign-data wrapper', quote_ident(fdwname), '{}', array[fdwowner::int8],
       json_build_object('owner', pg_get_userbyid(fdwowner), ${rightsOf('fdwacl', 'F', 'fdwowner')},
                         '#definition', md5(row(fdwhandler, fdwvalidator, fdwoptions)::text))
  from pg_foreign_data_wrapper
 union all
select 'server', quote_ident(srvname), '{}', array[srvowner::int8],
       json_build_object('owner', pg_get_userbyid(srvowner), ${rightsOf('srvacl', 'S', 'srvowner')},
                         '#options', md5(row(srvtype, srvversion, srvoptions)::text))
  from pg_foreign_server
 union all
-- its options are read only by whom they belong to
select 'user mapping', quote_ident(usename) || ' on server ' || quote_ident(srvname),
       array['server ' || quote_ident(srvname)], array[umuser::int8], json_build_object()
  from pg_user_mappings
 union all
select 'language', quote_ident(lanname), array_remove(array[${extensionOf('pg_language', 'oid')}], null),
       array[lanowner::int8],
       json_build_object('owner', pg_get_userbyid(lanowner), ${rightsOf('lanacl', 'l', 'lanowner')},
                         'trusted', lanpltrusted)
  from pg_language`
}

function rest(): string {
  return `
select i.type as kind, i.identity as name,
       array_remove(array['schema ' || i.schema,
                          (select 'extension ' || quote_ident(e.extname)
                             from pg_depend x
                             join pg_extension e on e.oid = x.refobjid
                            where x.classid = o.classid and x.objid = o.oid and x.deptype = 'e' limit 1)], null) as parents,
       array[o.owner::int8] as by,
       json_build_object('owner', pg_get_userbyid(o.owner), '#definition', o.digest) as facts
  from (select tableoid as classid, oid, collowner as owner, md5(c::text) as digest from pg_collation c
         union all select tableoid, oid, conowner, md5(c::text) from pg_conversion c
         union all select tableoid, oid, oprowner, md5(c::text) from pg_operator c
         union all select tableoid, oid, opcowner, md5(c::text) from pg_opclass c
         union all select tableoid, oid, opfowner, md5(c::text) from pg_opfamily c
         union all select tableoid, oid, cfgowner,
                          md5(concat(c::text, (select string_agg(m::text, ',' order by m.maptokentype, m.mapseqno)
                                                 from pg_ts_config_map m
                                                where m.mapcfg = c.oid)))
                     from pg_ts_config c
         union all select tableoid, oid, dictowner, md5(c::text) from pg_ts_dict c
         union all select tableoid, oid, stxowner, md5(c::text) from pg_statistic_ext c
         union all select tableoid, oid, 10, md5(c::text) from pg_cast c) o
 cross join lateral pg_identify_object(o.classid, o.oid, 0) i
 where o.oid >= ${FIRST_OWN_OID}
   and i.identity is not null
 union all
-- what came with the server, where its rights are no longer those it came with
select 'rights on ' || i.type, i.identity, '{}', array[b.owner::int8], json_build_object('rights', b.list::text)
  from (select 'pg_class'::regclass as classid, oid, relowner as owner, relacl as list from pg_class
         union all select 'pg_proc'::regclass, oid, proowner, proacl from pg_proc
         union all select 'pg_type'::regclass, oid, typowner, typacl from pg_type) b
  left join pg_init_privs s on s.classoid = b.classid and s.objoid = b.oid and s.objsubid = 0
 cross join lateral pg_identify_object(b.classid, b.oid, 0) i
 where b.oid < ${FIRST_OWN_OID}
   and b.list is not null
   and b.list is distinct from s.initprivs
 union all
-- before 16 a session user may prepare as a role it asked for, and removal looks for its own alone;
-- later ones can't, and their names would only come and go with whoever prepares all day
select 'prepared transaction', x.gid, '{}', array_remove(array[r.oid::int8], null),
       json_build_object('owner', x.owner,
                         'prepared', to_char(x.prepared at time zone 'utc', 'YYYY-MM-DD HH24:MI:SS') || ' UTC')
  from pg_prepared_xacts x
  left join pg_roles r on r.rolname = x.owner
 where x.database = current_database()
   and current_setting('server_version_num')::integer < ${String(VERSION_16)}`
}
