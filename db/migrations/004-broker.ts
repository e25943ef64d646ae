/**
 * What a broker that leaves nothing behind keeps: checks of data sources, catalogs before and after a
 * session, alerts and their rules, versions of the policy, extensions, and letters to be sent.
 */
export const broker = {
  name: '004-broker',
  sql: /* sql */ `
-- the policy that people can read: a version for each change, kept on each request
create table policy_versions (
  organization_id uuid not null references organizations,
  version integer not null,
  at timestamptz(3) not null,
  changed_by text not null,
  summary text not null,
  -- roles, groups and rules as they stood from then on
  policy jsonb not null,
  primary key (organization_id, version)
);
alter table sessions add column policy_version integer;
alter table roles
  add column dangerous boolean not null default false,
  add constraint dangerous_roles_take_two_approvals check (not dangerous or approvals_needed >= 2);
alter table groups add column description text not null default '';
grant select on policy_versions to daypass_portal, daypass_broker, daypass_auditor;
grant insert on policy_versions to daypass_portal;
alter table organizations
  -- the longest that a request waits where its window counts from approval
  add column request_life_minutes integer not null default 10080,
  add constraint request_lives_are_sensible check (request_life_minutes between 1 and 527040);
grant update (request_life_minutes) on organizations to daypass_portal;

-- the policy of an organization as it stands; db/policy-versions.ts keeps it and reads it back
create function policy_now(organization uuid) returns jsonb
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
       where o.id = organization))
$$;
revoke all on function policy_now(uuid) from public;
grant execute on function policy_now(uuid) to daypass_portal;
insert into policy_versions (organization_id, version, at, changed_by, summary, policy)
select id, 1, now(), 'system', 'The policy as it stood when versions began', policy_now(id)
  from organizations;

-- what one admin may not do alone waits here for a second one
create table policy_proposals (
  id uuid primary key,
  organization_id uuid not null references organizations,
  role_id uuid not null references roles,
  change jsonb not null,
  summary text not null,
  proposed_by uuid not null references people,
  proposed_at timestamptz(3) not null,
  decided_by uuid references people,
  decided_at timestamptz(3),
  outcome text,
  constraint proposal_outcomes_are_known check (outcome in ('applied', 'rejected', 'withdrawn')),
  constraint decided_proposals_say_how check ((outcome is null) = (decided_at is null)),
  constraint nobody_applies_their_own_proposal
    check (outcome is distinct from 'applied' or (decided_by is not null and decided_by <> proposed_by))
);
create unique index a_role_has_one_open_proposal on policy_proposals (role_id) where outcome is null;
grant select on policy_proposals to daypass_portal, daypass_auditor;
-- a letter about one that was decided meanwhile is not sent
grant select (id, outcome) on policy_proposals to daypass_broker;
grant insert on policy_proposals to daypass_portal;
grant update (decided_by, decided_at, outcome) on policy_proposals to daypass_portal;

-- "test this data source", "test this role": asked for by anyone, run by a broker, which alone has the login
create table data_source_checks (
  id uuid primary key,
  organization_id uuid not null references organizations,
  data_source_id uuid not null references data_sources,
  -- null: the data source alone
  role_id uuid references roles,
  -- null where no session is meant
  session_id bigint references sessions,
  cause text not null,
  asked_by text not null,
  asked_at timestamptz(3) not null,
  claimed_until timestamptz(3),
  started_at timestamptz(3),
  ended_at timestamptz(3),
  ok boolean,
  findings jsonb not null default '[]',
  -- what makes the role too powerful to lend, a phrase each
  dangers text[] not null default '{}',
  constraint check_causes_are_known check (cause in ('asked', 'registration', 'approval', 'schedule')),
  constraint ended_checks_have_a_result check ((ended_at is null) = (ok is null))
);
create index checks_by_data_source on data_source_checks (data_source_id, role_id, asked_at desc);
create index checks_to_run on data_source_checks (asked_at) where ended_at is null;
-- what the last one found of a role is asked for with each request
create index checks_by_role on data_source_checks (role_id, ended_at desc) where role_id is not null and ended_at is not null;
create index checks_by_session on data_source_checks (session_id) where session_id is not null;
grant select on data_source_checks to daypass_portal, daypass_broker, daypass_auditor;
grant insert (id, organization_id, data_source_id, role_id, session_id, cause, asked_by, asked_at)
   on data_source_checks to daypass_portal, daypass_broker;
grant update (claimed_until, started_at, ended_at, ok, findings, dangers), delete on data_source_checks to daypass_broker;

-- catalogs of a data source's databases, and what a session left in them
create table catalog_snapshots (
  id bigint generated always as identity primary key,
  organization_id uuid not null references organizations,
  data_source_id uuid not null references data_sources,
  database text not null,
  taken_at timestamptz(3) not null,
  -- gzip of one line an object; see broker/catalogs/catalog.ts
  objects bytea not null
);
create index snapshots_by_database on catalog_snapshots (data_source_id, database, taken_at desc);
create table session_catalogs (
  session_id bigint not null references sessions,
  organization_id uuid not null references organizations,
  database text not null,
  -- null where none was taken before the grant: then what others changed can't be told
  before_at timestamptz(3),
  -- until it was compared
  before_id bigint references catalog_snapshots on delete set null,
  compared_at timestamptz(3),
  primary key (session_id, database)
);
create index catalogs_to_compare on session_catalogs (session_id) where compared_at is null;
create index catalogs_by_snapshot on session_catalogs (before_id) where before_id is not null;
create table catalog_visits (
  data_source_id uuid primary key references data_sources,
  organization_id uuid not null references organizations,
  -- in the hands of one broker, or put off, until then
  held_until timestamptz(3) not null,
  visited_at timestamptz(3),
  tries integer not null default 0,
  -- why the last one failed
  detail text
);
create table session_residue (
  session_id bigint not null references sessions,
  organization_id uuid not null references organizations,
  database text not null,
  -- in PostgreSQL's words: table, function, default privileges, membership ...
  kind text not null,
  name text not null,
  -- 'left behind' is this session's doing beyond doubt; 'changed meanwhile' may be another's
  attribution text not null,
  change text not null,
  detail text not null default '',
  found_at timestamptz(3) not null,
  constraint attributions_are_known check (attribution in ('left behind', 'changed meanwhile')),
  constraint changes_are_known check (change in ('created', 'changed', 'dropped', 'handed over')),
  primary key (session_id, database, kind, name, change)
);
create index residue_by_time on session_residue (found_at);
-- who was there at the same time
create index sessions_granted_by_end on sessions (ended_at) where granted_at is not null and ended_at is not null;
grant select on catalog_snapshots, session_catalogs, session_residue to daypass_broker;
grant select, insert, update on catalog_visits to daypass_broker;
grant select on session_residue, session_catalogs to daypass_portal, daypass_auditor;
grant insert, delete on catalog_snapshots to daypass_broker;
grant insert, update on session_catalogs to daypass_broker;
grant insert on session_residue to daypass_broker;

-- jobs of the broker beside grants and removals
alter table session_jobs drop constraint job_kinds_are_known;
alter table session_jobs
  add constraint job_kinds_are_known check (kind in ('grant', 'removal', 'extension'));

-- more time for a session under way: a new approval, the same user
create table session_extensions (
  id uuid primary key,
  session_id bigint not null references sessions,
  organization_id uuid not null references organizations,
  requested_by uuid not null references people,
  requested_at timestamptz(3) not null,
  old_end timestamptz(3) not null,
  new_end timestamptz(3) not null,
  justification text not null,
  state text not null,
  state_since timestamptz(3) not null,
  reason text,
  policy_version integer,
  constraint extension_states_are_known check (state in ('CREATED', 'APPROVED', 'DENIED', 'CANCELED', 'EXPIRED')),
  constraint extensions_lengthen check (new_end > old_end),
  constraint extension_justifications_are_at_most_2000 check (char_length(justification) <= 2000)
);
create unique index a_session_has_one_open_extension on session_extensions (session_id) where state = 'CREATED';
create index extensions_by_session on session_extensions (session_id, requested_at);
create table extension_roles (
  extension_id uuid not null references session_extensions,
  role_id uuid not null references roles,
  organization_id uuid not null references organizations,
  name text not null,
  approver_group_id uuid,
  approvals_needed integer not null,
  place integer not null,
  state text not null,
  decided_at timestamptz(3),
  constraint extension_role_states_are_known check (state in ('PENDING', 'APPROVED', 'DENIED')),
  primary key (extension_id, role_id)
);
create table extension_approvals (
  extension_id uuid not null,
  role_id uuid not null,
  person_id uuid not null references people,
  organization_id uuid not null references organizations,
  person_name text not null,
  comment text not null default '',
  at timestamptz(3) not null,
  primary key (extension_id, role_id, person_id),
  foreign key (extension_id, role_id) references extension_roles
);
grant select on session_extensions, extension_roles, extension_approvals
   to daypass_portal, daypass_broker, daypass_auditor;
grant insert on session_extensions, extension_roles, extension_approvals to daypass_portal;
grant update (state, state_since, reason) on session_extensions to daypass_portal, daypass_broker;
grant update (state, decided_at) on extension_roles to daypass_portal;

-- breaches of what is promised, until they are over
create table alerts (
  id uuid primary key,
  organization_id uuid not null references organizations,
  rule text not null,
  -- what it is about, so that the same breach is one alert
  key text not null,
  detail text not null,
  session_id bigint references sessions,
  data_source_id uuid references data_sources,
  raised_at timestamptz(3) not null,
  seen_at timestamptz(3) not null,
  -- when a broker logged it and wrote the letters
  told_at timestamptz(3),
  resolved_at timestamptz(3)
);
create unique index one_open_alert_a_breach on alerts (organization_id, rule, key) where resolved_at is null;
create index alerts_by_time on alerts (organization_id, raised_at, id);
create index alerts_to_tell on alerts (organization_id, raised_at) where told_at is null;
create table alert_rules (
  organization_id uuid not null references organizations,
  rule text not null,
  enabled boolean not null,
  -- null: the rule's own
  after_seconds integer,
  mailed boolean not null,
  -- who is told; null: every admin
  group_id uuid references groups,
  changed_at timestamptz(3) not null,
  constraint alert_delays_are_sensible check (after_seconds between 0 and 86400),
  primary key (organization_id, rule)
);
-- since when a data source can't be compared with the store, and why; no row: it can
create table data_source_faults (
  data_source_id uuid primary key references data_sources,
  organization_id uuid not null references organizations,
  failing_since timestamptz(3) not null,
  seen_at timestamptz(3) not null,
  detail text not null
);
grant select on alerts, alert_rules to daypass_portal, daypass_broker, daypass_proxy, daypass_auditor;
grant insert on alerts to daypass_broker, daypass_proxy;
grant update (detail, seen_at, told_at, resolved_at) on alerts to daypass_broker;
grant update (detail, seen_at) on alerts to daypass_proxy;
grant update (resolved_at) on alerts to daypass_portal;
grant insert, update on alert_rules to daypass_portal;
grant select, insert, update, delete on data_source_faults to daypass_broker;
grant select on data_source_faults to daypass_portal, daypass_auditor;

-- letters, written with the change they tell of and sent when the mail server lets us
create table mails (
  id uuid primary key,
  organization_id uuid not null references organizations,
  person_id uuid not null references people,
  kind text not null,
  -- the same letter is not written twice
  key text not null,
  session_id bigint references sessions,
  facts jsonb not null default '{}',
  due_at timestamptz(3) not null,
  tries integer not null default 0,
  detail text,
  -- until then a broker is sending it, or it rests after a failure
  held_until timestamptz(3),
  sent_at timestamptz(3),
  -- no longer true, or nobody to send it to
  dropped_at timestamptz(3),
  constraint letters_are_written_once unique (person_id, kind, key)
);
create index mails_to_send on mails (due_at) where sent_at is null and dropped_at is null;
create index mails_by_session on mails (session_id) where session_id is not null;
grant select on mails to daypass_broker;
-- how many wait, and which were written already; what they say is for their readers
grant select (id, organization_id, person_id, kind, key, due_at, sent_at, dropped_at) on mails to daypass_portal;
grant insert on mails to daypass_broker, daypass_portal;
grant update (tries, detail, held_until, sent_at, dropped_at), delete on mails to daypass_broker;
grant select (email) on people to daypass_broker;

-- tasks are records; their page looks for them by area
create index records_by_area on records (organization_id, area, at, seq);

alter table sessions add column extended_at timestamptz(3);
grant update (extended_at) on sessions to daypass_portal;
`,
}
