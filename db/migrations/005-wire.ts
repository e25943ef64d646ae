/** What the proxy tells of statements while they run, and how long recordings are kept. */
export const wire = {
  name: '005-wire',
  sql: /* sql */ `
-- what runs at this moment, one row a connection: told anew every second, so a crash may forget it
create unlogged table running_statements (
  connection_id   uuid primary key,
  proxy_id        uuid not null,
  session_id      bigint not null,
  organization_id uuid not null,
  number          bigint not null,
  -- the beginning alone of a long one
  text            text not null,
  text_bytes      bigint not null,
  kind            text not null,
  started_at      timestamptz(3) not null,
  -- so far
  rows            bigint not null,
  bytes           bigint not null,
  told_at         timestamptz(3) not null
);
create index running_statements_by_session on running_statements (session_id);
create index running_statements_by_proxy on running_statements (proxy_id);
grant select, insert, update, delete on running_statements to daypass_proxy;
grant select on running_statements to daypass_portal, daypass_auditor;

-- how many months recordings are kept; null: for ever. A change holds a day later, so that a slip can be taken back
alter table organizations
  add column recording_months integer,
  add column recording_months_since timestamptz(3) not null default now(),
  add constraint recordings_are_kept_for_sensible_times check (recording_months between 1 and 1200);
grant update (recording_months) on organizations to daypass_portal;
create function begin_recording_months() returns trigger
  language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  new.recording_months_since := clock_timestamp();
  return new;
end
$$;
revoke all on function begin_recording_months() from public;
create trigger recording_months_begin before update of recording_months on organizations
  for each row when (old.recording_months is distinct from new.recording_months)
  execute function begin_recording_months();

-- whose statements went with the month they ran in: their session's page says so
create table dropped_recordings (
  -- no reference, as statements have none: what is there goes
  session_id      bigint not null,
  organization_id uuid not null references organizations,
  -- the first day, by UTC
  month           date not null,
  statements      bigint not null,
  kept_months     integer not null,
  dropped_at      timestamptz(3) not null,
  primary key (session_id, month, dropped_at)
);
create index dropped_recordings_by_time on dropped_recordings (dropped_at);
grant select on dropped_recordings to daypass_portal, daypass_auditor;

-- drops the months of statements that the policy no longer keeps, with a record for each company; the only way
-- a part removes what was recorded, and never what a company's policy keeps
create function drop_old_recordings()
  returns table (month date, statements bigint, sessions bigint, kept_months integer)
  language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '2s' as $$
#variable_conflict use_column
declare
  kept integer;
  kept_from timestamptz;
  moment timestamptz(3);
  child record;
  fact record;
  event uuid;
  gone date[] := '{}';
begin
  perform pg_advisory_xact_lock(hashtext('daypass add_partitions'));
  -- a month's table holds every company's: the longest time counts, and who keeps them for ever keeps all
  select case when bool_and(o.recording_months is not null
                            and o.recording_months_since <= now() - interval '1 day')
              then max(o.recording_months) end
    into kept
    from public.organizations o;
  if kept is null then
    return;
  end if;
  kept_from := date_trunc('month', (now() at time zone 'UTC') - make_interval(months => greatest(kept, 1)))
                 at time zone 'UTC';
  moment := date_trunc('milliseconds', clock_timestamp());
  for child in
    select c.relname as name,
           (substring(b.bounds from 'FROM \\(''([^'']+)''\\)')::timestamptz at time zone 'UTC')::date as first_day
      from pg_inherits i
      join pg_class c on c.oid = i.inhrelid
     cross join lateral pg_get_expr(c.relpartbound, c.oid) as b(bounds)
     where i.inhparent = 'public.statements'::regclass
       and substring(b.bounds from 'TO \\(''([^'']+)''\\)')::timestamptz <= kept_from
     order by 2
  loop
    -- nothing joins what is counted
    execute format('lock table public.%I in share mode', child.name);
    execute format('insert into public.dropped_recordings '
      || 'select session_id, organization_id, %L, count(*), %s, %L from public.%I group by 1, 2',
      child.first_day, kept, moment, child.name);
    execute format('drop table public.%I', child.name);
    gone := gone || child.first_day;
  end loop;
  -- what was recorded while no month's table was there, or arrived after it went
  with late as (
    delete from public.statements_default s
     where s.started_at < kept_from
 returning s.session_id, s.organization_id, date_trunc('month', s.started_at at time zone 'UTC')::date as month
  ), counted as (
    select late.session_id, late.organization_id, late.month, count(*) as statements
      from late
     group by 1, 2, 3
  )
  insert into public.dropped_recordings as d (session_id, organization_id, month, statements, kept_months, dropped_at)
  select c.session_id, c.organization_id, c.month, c.statements, kept, moment
    from counted c
      on conflict (session_id, month, dropped_at) do update set statements = d.statements + excluded.statements;
  for fact in
    select d.month, o.id, o.name, o.account_id, sum(d.statements) as statements, count(*) as sessions
      from public.dropped_recordings d
      join public.organizations o on o.id = d.organization_id
     where d.dropped_at = moment
     group by d.month, o.id
     order by d.month, o.id
  loop
    event := public.event_id_now();
    insert into public.records (at, event_id, organization_id, action, area, actor_name, outcome, body)
    values (moment, event, fact.id, 'recording.dropped', 'sessions', 'system', 'ok',
            public.canonical_json(jsonb_build_object(
      'version', '1', 'event_id', event, 'at', to_char(moment at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
      'organization', jsonb_build_object('id', fact.id, 'name', fact.name, 'account_id', fact.account_id),
      'action', 'recording.dropped', 'area', 'sessions', 'outcome', 'ok', 'correlation_id', event,
      'actor', jsonb_build_object('type', 'system', 'id', 'store', 'name', 'system'),
      'subject', jsonb_build_object('type', 'recordings', 'id', to_char(fact.month, 'YYYY-MM'),
                                    'name', 'recordings of ' || to_char(fact.month, 'YYYY-MM')),
      'details', jsonb_build_object(
        'from', to_char(fact.month, 'YYYY-MM-DD') || 'T00:00:00.000Z',
        'until', to_char(fact.month + interval '1 month', 'YYYY-MM-DD') || 'T00:00:00.000Z',
        'statements', fact.statements::text, 'sessions', fact.sessions::text, 'kept_months', kept::text))));
  end loop;
  return query
    select m.month, coalesce(sum(d.statements), 0)::bigint, count(d.session_id), kept
      from (select unnest(gone) union select d.month from public.dropped_recordings d where d.dropped_at = moment) m(month)
      left join public.dropped_recordings d on d.month = m.month and d.dropped_at = moment
     group by m.month
     order by m.month;
end
$$;
revoke all on function drop_old_recordings() from public;
grant execute on function drop_old_recordings() to daypass_broker;

-- as before, with the time that recordings are kept
create or replace function policy_now(organization uuid) returns jsonb
  language sql stable set search_path = pg_catalog, pg_temp as $$
  select jsonb_build_object(
    'roles', coalesce((
      select jsonb_agg(jsonb_build_object(
               'id', r.id, 'name', r.name, 'dataSource', d.name, 'databaseRole', r.database_role,
               'description', r.description, 'group', g.name, 'approvalsNeeded', r.approvals_needed,
               'defaultMinutes', r.default_minutes, 'maximumMinutes', r.maximum_minutes,
               'dangerous', r.dangerous, 'offered', r.disabled_at is null)
             order by d.name, r.name)
        from public.roles r
        join public.data_sources d on d.id = r.data_source_id
   left join public.groups g on g.id = r.approver_group_id
       where r.organization_id = organization), '[]'),
    'groups', coalesce((
      select jsonb_agg(jsonb_build_object(
               'id', g.id, 'name', g.name, 'description', g.description,
               'members', coalesce((
                 select jsonb_agg(p.username order by p.username)
                   from public.group_members m
                   join public.people p on p.id = m.person_id
                  where m.group_id = g.id), '[]'))
             order by g.name)
        from public.groups g
       where g.organization_id = organization), '[]'),
    'dataSources', coalesce((
      select jsonb_agg(jsonb_build_object(
               'id', d.id, 'name', d.name, 'justificationPattern', d.justification_pattern,
               'justificationMessage', d.justification_message, 'offered', d.disabled_at is null)
             order by d.name)
        from public.data_sources d
       where d.organization_id = organization), '[]'),
    'justification', jsonb_build_object(
      'pattern', coalesce((select value from public.settings where name = 'justification_pattern'), ''),
      'message', coalesce((select value from public.settings where name = 'justification_message'), '')),
    'requestLifeMinutes', (
      select o.request_life_minutes
        from public.organizations o
       where o.id = organization),
    'recordingMonths', (
      select o.recording_months
        from public.organizations o
       where o.id = organization))
$$;
`,
}
