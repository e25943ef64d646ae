/**
 * The trail searched at ten million records: what free text looks through, one index for every filter
 * alone and together, and what auditors keep for themselves.
 */
export const audit = {
  name: '006-audit',
  sql: /* sql */ `
-- everything that free text finds in a record but its private values, a line each and in lower case
create function record_search(body text, actor text, requester text, roles text[], username text,
                              data_source text, action text) returns text
  language plpgsql immutable parallel safe cost 100 as $$
declare
  parsed jsonb := body::jsonb;
  details text := '';
begin
  if parsed -> 'details' is not null then
    select coalesce(string_agg(value || E'\\n', '' order by key collate "C"), '') into details
      from jsonb_each_text(parsed -> 'details');
  end if;
  return lower(E'\\n' || action || E'\\n' || actor || E'\\n'
               || coalesce(nullif(requester, actor) || E'\\n', '')
               || coalesce(array_to_string(nullif(roles, '{}'), E'\\n') || E'\\n', '')
               || coalesce(username || E'\\n', '')
               || coalesce(data_source || E'\\n', '')
               || coalesce((parsed #>> '{subject,name}') || E'\\n', '')
               || details);
end
$$;

-- the value of one column as a number; two that meet are told apart by the columns themselves
create function record_key(organization uuid, kind text, value text) returns bigint
  language sql immutable parallel safe
  return hashtextextended(kind || ':' || lower(value), uuid_hash_extended(organization, 0));

-- a record's values, all in one index: whatever is asked for together is looked up together
create function record_keys(organization uuid, action text, area text, scope text, state text, actor text,
                            requester text, roles text[], username text, data_source text, subject text,
                            company text, account_id text) returns bigint[]
  language plpgsql immutable parallel safe cost 100 as $$
declare
  keys bigint[] := array_remove(array[
    public.record_key(organization, 'action', action),
    public.record_key(organization, 'area', area),
    public.record_key(organization, 'scope', scope),
    public.record_key(organization, 'state', state),
    public.record_key(organization, 'actor', actor),
    public.record_key(organization, 'requester', requester),
    public.record_key(organization, 'username', username),
    public.record_key(organization, 'data source', data_source),
    public.record_key(organization, 'subject', subject),
    public.record_key(organization, 'company', company),
    public.record_key(organization, 'account', account_id)], null);
  role text;
begin
  foreach role in array roles loop
    keys := keys || public.record_key(organization, 'role', role);
  end loop;
  return keys;
end
$$;

alter table records
  add column subject text generated always as (body::jsonb #>> '{subject,name}') stored,
  add column company text generated always as (body::jsonb #>> '{organization,name}') stored,
  add column account_id text generated always as (body::jsonb #>> '{organization,account_id}') stored,
  add column search text generated always as
    (record_search(body, actor_name, requester, roles, username, data_source, action)) stored;

-- what waits to be sorted in is kept small: a search reads it whole
create index records_by_values on records using gin (
  record_keys(organization_id, action, area, scope, state, actor_name, requester, roles, username, data_source,
              subject, company, account_id),
  search gin_trgm_ops) with (gin_pending_list_limit = 1024);
-- what is chosen among, counted without a look at the records and no further than people are told
create index records_by_choice on records (organization_id, action, area, state, at, seq);

-- the private values that free text finds, a line each and in lower case
create function payload_search(payload jsonb) returns text
  language sql immutable parallel safe
  return lower(E'\\n' || coalesce(payload #>> '{reason,value}', '') || E'\\n'
               || coalesce(payload #>> '{justification,value}', '') || E'\\n'
               || coalesce(payload #>> '{client_ip,value}', '') || E'\\n');

-- beside private values their record's keys and the key of the client's address, so that they are looked up
-- together with the rest; they go with the private values when those are erased
create function payload_keys(keys bigint[], organization uuid, payload jsonb) returns bigint[]
  language sql immutable parallel safe
  return array_remove(keys || record_key(organization, 'client ip', payload #>> '{client_ip,value}'), null);
alter table record_payloads add column keys bigint[] not null default '{}';
update record_payloads p
   set keys = payload_keys(record_keys(r.organization_id, r.action, r.area, r.scope, r.state, r.actor_name, r.requester,
                                       r.roles, r.username, r.data_source, r.subject, r.company, r.account_id),
                           r.organization_id, p.payload)
  from records r
 where r.at = p.at
   and r.seq = p.seq;
create index payloads_by_values on record_payloads using gin (keys, payload_search(payload) gin_trgm_ops)
  with (gin_pending_list_limit = 1024);

-- what failed in a recording of a hundred thousand statements, and what is missing from it
create index statements_that_failed on statements (session_id, started_at, connection_id, number, part)
  where kind = 'gap' or outcome = 'error' or sqlstate is not null;

-- as before, with columns that the store itself fills in
create or replace function add_partitions(month date) returns integer
  language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '2s' as $$
declare
  parent text;
  child text;
  column_names text;
  time_column text;
  first_day date := date_trunc('month', month)::date;
  lower_bound text := first_day::text || ' 00:00:00Z';
  upper_bound text := (first_day + interval '1 month')::date::text || ' 00:00:00Z';
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
    time_column := case parent when 'statements' then 'started_at' else 'at' end;
    continue when to_regclass('public.' || quote_ident(child)) is not null;
    select string_agg(quote_ident(attname), ', ' order by attnum) into column_names
      from pg_attribute
     where attrelid = ('public.' || quote_ident(parent))::regclass
       and attnum > 0
       and not attisdropped
       and attgenerated = '';
    execute format('create table public.%I (like public.%I including defaults including constraints including generated)',
      child, parent);
    execute format('lock table public.%I in access exclusive mode', parent || '_default');
    execute format('with moved as (delete from public.%I where %I >= %L and %I < %L returning %s) '
      || 'insert into public.%I (%s) select %s from moved',
      parent || '_default', time_column, lower_bound, time_column, upper_bound, column_names,
      child, column_names, column_names);
    execute format('alter table public.%I attach partition public.%I for values from (%L) to (%L)',
      parent, child, lower_bound, upper_bound);
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

-- filters that auditors gave a name
create table saved_filters (
  id              uuid primary key default gen_random_uuid(),
  organization_id uuid not null references organizations,
  owner_id        uuid not null references people,
  name            text not null constraint filter_names_are_short check (char_length(name) between 1 and 100),
  -- with every Audit User of the company
  shared          boolean not null default false,
  -- the query of the Audit tab's address
  query           text not null constraint filter_queries_are_short check (char_length(query) <= 4000),
  created_at      timestamptz(3) not null default now(),
  changed_at      timestamptz(3) not null default now(),
  constraint filter_names_are_unique unique (owner_id, name)
);
create index shared_filters on saved_filters (organization_id, name) where shared;
grant select, insert, delete on saved_filters to daypass_portal;
grant update (name, shared, query, changed_at) on saved_filters to daypass_portal;

-- how a person last looked at the Audit tab; null: as it comes
create table person_preferences (
  person_id       uuid primary key references people,
  organization_id uuid not null references organizations,
  audit_zone      text,
  audit_columns   text[],
  changed_at      timestamptz(3) not null default now()
);
grant select, insert on person_preferences to daypass_portal;
grant update (audit_zone, audit_columns, changed_at) on person_preferences to daypass_portal;

-- one index for the order in which a recording is read, for its newest statements and against doubles: what is
-- shipped costs the store a quarter less, and an index of a recording takes less than half the room
alter table statements drop constraint statements_pkey;
drop index statements_by_session;
alter table statements
  add constraint statements_pkey primary key (session_id, started_at, connection_id, number, part);
`,
}
