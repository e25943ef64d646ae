/**
 * Months of the trail that can be made late, rights cut down to what each part uses, what the
 * scans of every second need to stay quick, and the organization on the last rows without it.
 */
export const tighter = {
  name: '003-tighter',
  sql: /* sql */ `
-- every row that belongs to a company carries its id
alter table session_moves add column organization_id uuid references organizations;
update session_moves m set organization_id = s.organization_id from sessions s where s.id = m.session_id;
alter table session_moves alter column organization_id set not null;
alter table session_jobs add column organization_id uuid references organizations;
update session_jobs j set organization_id = s.organization_id from sessions s where s.id = j.session_id;
alter table session_jobs alter column organization_id set not null;
alter table group_members add column organization_id uuid references organizations;
update group_members m set organization_id = g.organization_id from groups g where g.id = m.group_id;
alter table group_members alter column organization_id set not null;

-- what is looked for every second, however much history there is
create index session_users_not_removed on session_users (session_id) where removed_at is null;

-- secrets are sealed to these keys: who could announce another part's would be handed its secrets
alter table sealing_keys enable row level security;
create policy everyone_seals on sealing_keys for select using (true);
create policy the_broker_announces_its_own on sealing_keys for insert to daypass_broker with check (part = 'broker');
create policy the_broker_renews_its_own on sealing_keys for update to daypass_broker
  using (part = 'broker') with check (part = 'broker');
create policy the_proxy_announces_its_own on sealing_keys for insert to daypass_proxy with check (part = 'proxy');
create policy the_proxy_renews_its_own on sealing_keys for update to daypass_proxy
  using (part = 'proxy') with check (part = 'proxy');

-- the portal decides requests; what was asked for, by whom, and what the broker did are not its to rewrite
revoke update on sessions, session_roles, session_jobs from daypass_portal;
grant update (state, state_since, move_count, start_at, end_at, dies_at, ended_at, end_reason, hidden_at)
   on sessions to daypass_portal;
grant update (state, decided_at, decided_by) on session_roles to daypass_portal;
grant update (due_at) on session_jobs to daypass_portal;

-- the broker needs neither hashes of passwords, tokens and clients' secrets nor what was recorded
revoke select on people, tokens, session_credentials, connections, statements, record_payloads from daypass_broker;
revoke update on session_credentials, data_sources from daypass_broker;
revoke insert, update on settings from daypass_broker;
grant select (id, organization_id, kind, username, display_name, portal_user, audit_user, management_privilege,
              disabled_at, created_at)
   on people to daypass_broker;

-- as before, and where no broker ran in time the month's rows move out of the default partition, byte for byte;
-- attached rather than made in place, so that writers of the trail never wait for its readers
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
       and not attisdropped;
    execute format('create table public.%I (like public.%I including defaults including constraints)', child, parent);
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
`,
}
