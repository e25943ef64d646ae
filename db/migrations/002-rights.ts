/**
 * Who may touch what. The owner runs migrations; each part logs in as a member of its own group
 * role, and no group role can change or remove what the trail holds.
 */
export const rights = {
  name: '002-rights',
  sql: /* sql */ `
do $$
declare
  part text;
begin
  foreach part in array array['daypass_portal', 'daypass_broker', 'daypass_proxy', 'daypass_auditor'] loop
    if not exists (select from pg_roles where rolname = part) then
      execute format('create role %I nologin', part);
    end if;
  end loop;
exception
  when insufficient_privilege then
    raise exception 'the store''s owner login may not create roles'
      using hint = 'as an administrator run: create role daypass_portal nologin; create role daypass_broker nologin; '
        || 'create role daypass_proxy nologin; create role daypass_auditor nologin; then start again';
  when duplicate_object or unique_violation then
    null; -- another start made them in this moment
end
$$;

revoke all on schema public from public;
grant usage on schema public to daypass_portal, daypass_broker, daypass_proxy, daypass_auditor;

-- every part checks at its start that the schema is the one it was written for
grant select on migrations to daypass_portal, daypass_broker, daypass_proxy, daypass_auditor;

-- everyone reads the shared plain tables
grant select on organizations, settings, sealing_keys, people, groups, group_members, roles, allowed_moves,
                sessions, session_moves, session_roles, session_approvals, connections, statements,
                records, record_payloads
   to daypass_portal, daypass_broker;

-- the auditor's role reads the trail and what explains it, no secrets and no sign-ins
grant select on organizations, settings, data_sources, groups, group_members, roles, sessions, session_moves,
                session_roles, session_approvals, connections, statements, records, record_payloads
   to daypass_auditor;
revoke select on data_sources from daypass_auditor;
grant select (id, organization_id, name, host, port, databases, default_database, tls_mode, created_at, disabled_at)
   on data_sources to daypass_auditor;

-- the portal asks and shows
grant insert, update on people, tokens, groups, roles, data_sources, sessions, session_roles, settings to daypass_portal;
grant select on tokens to daypass_portal;
grant select (id, organization_id, name, host, port, databases, default_database, tls_mode, tls_ca, residue_owner,
              justification_pattern, justification_message, disabled_at, created_at)
   on data_sources to daypass_portal;
grant select, insert, update, delete on sign_ins to daypass_portal;
grant insert, delete on group_members to daypass_portal;
grant insert on session_moves, session_approvals, records, record_payloads to daypass_portal;
grant select (session_id, organization_id, data_source_id, username, login_at, removed_at), update (connection_limit)
   on session_users to daypass_portal;
grant select, insert, update on session_credentials to daypass_portal;
grant select, insert, update on session_jobs to daypass_portal;

-- the broker decides
grant select, insert, update on session_users to daypass_broker;
grant select, insert, update, delete on session_jobs to daypass_broker;
grant select, update on session_credentials to daypass_broker;
grant select, update on data_sources to daypass_broker;
grant select on tokens to daypass_broker;
grant update on sessions, session_roles to daypass_broker;
grant insert on session_moves, records, record_payloads to daypass_broker;
grant insert, update on sealing_keys, settings to daypass_broker;

-- the proxy enforces and records: it reads no login of a data source but those sealed to it
grant select on organizations, settings, sealing_keys, people, roles, sessions, session_roles, session_moves,
                session_users, session_credentials, connections
   to daypass_proxy;
revoke select on people from daypass_proxy;
grant select (id, organization_id, username, display_name, disabled_at) on people to daypass_proxy;
grant select (id, organization_id, name, host, port, databases, default_database, tls_mode, tls_ca, disabled_at)
   on data_sources to daypass_proxy;
grant insert, update on sealing_keys to daypass_proxy;
grant insert, update on connections to daypass_proxy;
grant select, insert on statements to daypass_proxy;
grant insert on records, record_payloads to daypass_proxy;
-- an insert that returns its row, or skips a row already there, reads these columns
grant select (at, seq, organization_id) on records to daypass_proxy;
-- a refusal says who ended the session
grant select (session_id, scope, state, actor_name) on records to daypass_proxy;

-- RFC 8785 for values whose leaves are all strings and whose names are ASCII (others RFC 8785 sorts by
-- UTF-16, the store by bytes); db/canonical.ts says the same in TypeScript
create function canonical_json(value jsonb) returns text
  language plpgsql immutable strict set search_path = pg_catalog, pg_temp as $$
begin
  return case jsonb_typeof(value)
    when 'object' then (
      select '{' || coalesce(string_agg(to_json(key)::text || ':' || public.canonical_json(item), ',' order by key collate "C"), '') || '}'
        from jsonb_each(value) as members(key, item))
    when 'array' then (
      select '[' || coalesce(string_agg(public.canonical_json(item), ',' order by place), '') || ']'
        from jsonb_array_elements(value) with ordinality as items(item, place))
    else to_json(value #>> '{}')::text
  end;
end
$$;

-- a UUIDv7 (RFC 9562, 5.7) on servers that have none of their own
create function event_id_now() returns uuid
  language sql volatile set search_path = pg_catalog, pg_temp as $$
  select encode(
           set_bit(set_bit(
             overlay(uuid_send(gen_random_uuid())
                     placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3)
                     from 1 for 6),
             52, 1), 53, 1),
           'hex')::uuid
$$;

-- a month's partitions and the record that says so; the only way a part changes the trail's tables
create function add_partitions(month date) returns integer
  language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  parent text;
  child text;
  first_day date := date_trunc('month', month)::date;
  made integer := 0;
  moment timestamptz(3);
  home record;
  event uuid;
begin
  if first_day not between date_trunc('month', now() at time zone 'UTC')::date - 31
                       and date_trunc('month', now() at time zone 'UTC')::date + 400 then
    raise exception 'partitions are added for the months around now, not for %', first_day;
  end if;
  perform pg_advisory_xact_lock(hashtext('daypass add_partitions'));
  select id, name, account_id into home from public.organizations order by created_at, id limit 1;
  foreach parent in array array['records', 'record_payloads', 'statements'] loop
    child := parent || '_' || to_char(first_day, 'YYYY_MM');
    continue when to_regclass('public.' || quote_ident(child)) is not null;
    execute format('create table public.%I partition of public.%I for values from (%L) to (%L)',
      child, parent, first_day::text || ' 00:00:00Z', (first_day + interval '1 month')::date::text || ' 00:00:00Z');
    made := made + 1;
    moment := date_trunc('milliseconds', clock_timestamp());
    event := public.event_id_now();
    insert into public.records (at, event_id, organization_id, action, area, actor_name, outcome, body)
    values (moment, event, home.id, 'task.succeeded', 'tasks', 'system', 'ok', public.canonical_json(jsonb_build_object(
      'version', '1', 'event_id', event, 'at', to_char(moment at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
      'organization', jsonb_build_object('id', home.id, 'name', home.name, 'account_id', home.account_id),
      'action', 'task.succeeded', 'area', 'tasks', 'outcome', 'ok', 'correlation_id', event,
      'actor', jsonb_build_object('type', 'system', 'id', 'store', 'name', 'system'),
      'subject', jsonb_build_object('type', 'partition', 'id', child, 'name', child))));
  end loop;
  return made;
end
$$;
revoke all on function add_partitions(date) from public;
grant execute on function add_partitions(date) to daypass_broker;
`,
}
