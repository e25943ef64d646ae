/** Tables of the store. Rules that the schema can hold are written here as named constraints. */
export const foundation = {
  name: '001-foundation',
  sql: /* sql */ `
create extension if not exists pg_trgm;

-- one row a company; everything that belongs to a company carries its id
create table organizations (
  id         uuid primary key default gen_random_uuid(),
  name       text not null,
  account_id text not null constraint account_ids_are_unique unique,
  created_at timestamptz(3) not null default now()
);
insert into organizations (name, account_id) values ('Default organization', '1');

-- settings that every machine must agree on
create table settings (
  name       text primary key,
  value      text not null,
  changed_at timestamptz(3) not null default now()
);

-- the public halves of the parts' keys: what to seal with, never what opens
create table sealing_keys (
  part         text primary key constraint parts_are_known check (part in ('broker', 'proxy')),
  public_key   bytea not null constraint public_keys_are_x25519 check (octet_length(public_key) = 32),
  announced_at timestamptz(3) not null default now()
);

create table people (
  id                   uuid primary key default gen_random_uuid(),
  organization_id      uuid not null references organizations,
  kind                 text not null default 'person' constraint person_kinds_are_known check (kind in ('person', 'service')),
  username             text not null constraint usernames_are_plain check (username ~ '^[a-z0-9][a-z0-9._@-]{0,62}$'),
  display_name         text not null constraint display_names_are_short check (char_length(display_name) between 1 and 200),
  email                text,
  password_hash        text,
  portal_user          boolean not null default true,
  audit_user           boolean not null default false,
  management_privilege text not null default 'none'
    constraint privileges_are_known check (management_privilege in ('none', 'read_only', 'admin')),
  disabled_at          timestamptz(3),
  last_sign_in_at      timestamptz(3),
  created_at           timestamptz(3) not null default now()
);
create unique index usernames_are_unique on people (lower(username));

create table tokens (
  id              uuid primary key default gen_random_uuid(),
  organization_id uuid not null references organizations,
  person_id       uuid not null references people,
  name            text not null constraint token_names_are_short check (char_length(name) between 1 and 200),
  hash            bytea not null constraint token_hashes_are_unique unique,
  created_at      timestamptz(3) not null default now(),
  last_used_at    timestamptz(3),
  ended_at        timestamptz(3)
);

-- the web sign-ins, in the shape that connect-pg-simple keeps
create table sign_ins (
  sid    text primary key,
  sess   json not null,
  expire timestamptz(3) not null
);
create index sign_ins_by_expiry on sign_ins (expire);

-- approver groups: who is told and who may decide
create table groups (
  id              uuid primary key default gen_random_uuid(),
  organization_id uuid not null references organizations,
  name            text not null constraint group_names_are_short check (char_length(name) between 1 and 200),
  created_at      timestamptz(3) not null default now(),
  constraint group_names_are_unique unique (organization_id, name)
);
create table group_members (
  group_id  uuid not null references groups on delete cascade,
  person_id uuid not null references people,
  primary key (group_id, person_id)
);

create table data_sources (
  id                    uuid primary key default gen_random_uuid(),
  organization_id       uuid not null references organizations,
  name                  text not null constraint data_source_names_are_plain check (name ~ '^[A-Za-z0-9][A-Za-z0-9 ._-]{0,62}$'),
  host                  text not null,
  port                  integer not null constraint ports_are_real check (port between 1 and 65535),
  databases             text[] not null constraint a_data_source_opens_databases check (cardinality(databases) > 0),
  default_database      text not null,
  tls_mode              text not null default 'verify-full'
    constraint tls_modes_are_known check (tls_mode in ('disable', 'require', 'verify-ca', 'verify-full')),
  tls_ca                text,
  admin_sealed          bytea not null,
  residue_owner         text not null default 'daypass_residue',
  justification_pattern text,
  justification_message text,
  disabled_at           timestamptz(3),
  created_at            timestamptz(3) not null default now(),
  constraint data_source_names_are_unique unique (organization_id, name),
  constraint unencrypted_only_on_this_machine
    check (tls_mode <> 'disable' or host in ('localhost', '::1') or host like '127.%' or host like '/%')
);

create table roles (
  id                uuid primary key default gen_random_uuid(),
  organization_id   uuid not null references organizations,
  data_source_id    uuid not null references data_sources,
  name              text not null constraint role_names_are_short check (char_length(name) between 1 and 63),
  database_role     text not null constraint database_roles_fit check (octet_length(database_role) between 1 and 63),
  description       text not null default '',
  approver_group_id uuid references groups,
  approvals_needed  integer not null default 1 constraint approvals_are_counted check (approvals_needed between 0 and 10),
  default_minutes   integer not null default 30,
  maximum_minutes   integer not null default 60,
  disabled_at       timestamptz(3),
  created_at        timestamptz(3) not null default now(),
  constraint role_names_are_unique unique (data_source_id, name),
  constraint default_time_fits_maximum check (default_minutes between 1 and maximum_minutes),
  constraint maximum_time_is_at_most_30_days check (maximum_minutes <= 43200)
);

-- the whole life of a session; broker/transitions.ts says the same
create table allowed_moves (
  from_state text not null,
  to_state   text not null,
  primary key (from_state, to_state)
);
insert into allowed_moves (from_state, to_state) values
  ('NONE', 'CREATED'),
  ('CREATED', 'APPROVED'), ('CREATED', 'DENIED'), ('CREATED', 'CANCELED'), ('CREATED', 'EXPIRED'), ('CREATED', 'TERMINATED'),
  ('APPROVED', 'GRANTED'), ('APPROVED', 'CANCELED'), ('APPROVED', 'EXPIRED'), ('APPROVED', 'TERMINATED'),
  ('GRANTED', 'CANCELED'), ('GRANTED', 'EXPIRED'), ('GRANTED', 'TERMINATED');

create table sessions (
  id              bigint generated always as identity primary key,
  uuid            uuid not null default gen_random_uuid() constraint session_uuids_are_unique unique,
  organization_id uuid not null references organizations,
  data_source_id  uuid not null references data_sources,
  requester_id    uuid not null references people,
  state           text not null,
  state_since     timestamptz(3) not null,
  move_count      integer not null default 1,
  justification   text not null constraint justifications_are_at_most_2000 check (char_length(justification) <= 2000),
  -- either a window (start_at, end_at) or minutes counted from the last approval
  start_at        timestamptz(3),
  end_at          timestamptz(3),
  minutes         double precision,
  request_hash    bytea not null,
  created_at      timestamptz(3) not null,
  dies_at         timestamptz(3) not null,
  username        text constraint session_usernames_are_unique unique
    constraint session_usernames_fit check (username ~ '^dp_[a-z0-9_]{1,37}$'),
  granted_at      timestamptz(3),
  ended_at        timestamptz(3),
  end_reason      text,
  removed_at      timestamptz(3),
  hidden_at       timestamptz(3),
  constraint a_session_has_a_window_or_a_length check ((start_at is not null and end_at is not null) or minutes is not null),
  constraint a_window_ends_after_it_starts check (end_at > start_at),
  constraint granted_sessions_have_a_user check (state <> 'GRANTED' or (username is not null and granted_at is not null)),
  constraint ended_sessions_say_when check
    ((state in ('DENIED', 'EXPIRED', 'CANCELED', 'TERMINATED')) = (ended_at is not null))
);
create index sessions_by_requester on sessions (requester_id, id desc);
create index sessions_that_wait on sessions (state, start_at, end_at) where state in ('CREATED', 'APPROVED', 'GRANTED');
create index sessions_to_remove on sessions (ended_at) where ended_at is not null and removed_at is null;

create table session_moves (
  session_id bigint not null references sessions,
  ordinal    integer not null,
  from_state text not null,
  to_state   text not null,
  at         timestamptz(3) not null,
  primary key (session_id, ordinal),
  constraint moves_are_allowed foreign key (from_state, to_state) references allowed_moves,
  constraint a_life_starts_with_created check ((ordinal = 1) = (from_state = 'NONE'))
);
create unique index a_session_ends_once on session_moves (session_id)
  where to_state in ('DENIED', 'EXPIRED', 'CANCELED', 'TERMINATED');
create unique index a_session_is_granted_once on session_moves (session_id) where to_state = 'GRANTED';

-- what was asked for, as it stood then: a later change of the role changes no request
create table session_roles (
  session_id        bigint not null references sessions,
  role_id           uuid not null references roles,
  organization_id   uuid not null references organizations,
  name              text not null,
  database_role     text not null,
  approver_group_id uuid,
  approvals_needed  integer not null,
  -- the order in which the roles were named
  place             integer not null,
  state             text not null constraint role_states_are_known check (state in ('PENDING', 'APPROVED', 'DENIED')),
  decided_at        timestamptz(3),
  decided_by        uuid references people,
  primary key (session_id, role_id)
);

-- one vote a person a role, on exactly the request that was hashed
create table session_approvals (
  session_id      bigint not null,
  role_id         uuid not null,
  person_id       uuid not null references people,
  organization_id uuid not null references organizations,
  person_name     text not null,
  comment         text not null default '',
  request_hash    bytea not null,
  at              timestamptz(3) not null,
  primary key (session_id, role_id, person_id),
  foreign key (session_id, role_id) references session_roles
);

-- the temporary database user: what granting and removing it need, through any crash
create table session_users (
  session_id        bigint primary key references sessions,
  organization_id   uuid not null references organizations,
  data_source_id    uuid not null references data_sources,
  username          text not null constraint session_users_are_unique unique,
  role_oid          oid,
  upstream_sealed   bytea not null,
  upstream_verifier text not null,
  connection_limit  integer not null default 20,
  intended_at       timestamptz(3) not null,
  login_at          timestamptz(3),
  removed_at        timestamptz(3)
);
-- one row a session with work for the broker: the row is the claim
create table session_jobs (
  session_id    bigint not null references sessions,
  kind          text not null constraint job_kinds_are_known check (kind in ('grant', 'removal')),
  due_at        timestamptz(3) not null,
  tries         integer not null default 0,
  detail        text,
  -- when the trail was told that it keeps failing
  blocked_at    timestamptz(3),
  claimed_by    text,
  claimed_until timestamptz(3),
  primary key (session_id, kind)
);
create index session_jobs_due on session_jobs (due_at);

-- only verifiers: nothing readable is kept
create table session_credentials (
  id              uuid primary key default gen_random_uuid(),
  session_id      bigint not null references sessions,
  organization_id uuid not null references organizations,
  verifier        text not null constraint verifiers_are_scram check (verifier like 'SCRAM-SHA-256$%'),
  made_at         timestamptz(3) not null,
  ended_at        timestamptz(3)
);
create unique index a_session_has_one_live_credential on session_credentials (session_id) where ended_at is null;

create table connections (
  id               uuid primary key,
  organization_id  uuid not null references organizations,
  session_id       bigint not null references sessions,
  -- which proxy carries it: after a crash that proxy alone closes what it left open
  proxy_id         uuid not null,
  database         text not null,
  client_ip        text not null,
  application_name text not null default '',
  backend_pid      integer,
  opened_at        timestamptz(3) not null,
  closed_at        timestamptz(3),
  close_reason     text
);
create index connections_by_session on connections (session_id, opened_at);
create index open_connections on connections (session_id) where closed_at is null;
create index open_connections_by_proxy on connections (proxy_id) where closed_at is null;

-- the recording: what ran on a connection, in order
create table statements (
  session_id      bigint not null,
  organization_id uuid not null,
  connection_id   uuid not null,
  number          bigint not null,
  -- place in a Query of several statements, and the number of the first of them
  part            integer not null,
  part_of         bigint not null,
  kind            text not null,
  -- the beginning alone where text_bytes says that there was more
  text            text not null,
  text_bytes      bigint not null,
  text_digest     text,
  bind_values     jsonb not null default '[]',
  -- null where the protocol has none, empty for the unnamed ones
  statement_name  text,
  portal_name     text,
  started_at      timestamptz(3) not null,
  milliseconds    double precision,
  tag             text,
  rows            bigint,
  bytes           bigint,
  copy_digest     text,
  sqlstate        text,
  message         text,
  outcome         text not null constraint outcomes_are_known
    check (outcome in ('ok', 'error', 'skipped', 'aborted', 'unknown')),
  transaction     text,
  -- an error later in the same implicit transaction took it back, whatever its tag says
  rolled_back     boolean not null default false,
  primary key (connection_id, number, part, started_at)
) partition by range (started_at);
create index statements_by_session on statements (session_id, started_at, number, part);
create table statements_default partition of statements default;

-- the audit trail; body holds the canonical bytes, the other columns are an index over them
create table records (
  seq             bigint generated always as identity,
  at              timestamptz(3) not null,
  event_id        uuid not null,
  organization_id uuid not null,
  action          text not null,
  area            text not null,
  scope           text,
  state           text,
  session_id      bigint,
  actor_id        text,
  actor_name      text not null,
  requester       text,
  roles           text[] not null default '{}',
  username        text,
  start_at        timestamptz(3),
  end_at          timestamptz(3),
  data_source     text,
  sign_in_id      text,
  outcome         text not null,
  body            text not null,
  tx              xid8 not null default pg_current_xact_id(),
  primary key (at, seq),
  constraint state_rows_have_a_scope check ((state is null) = (scope is null)),
  constraint scopes_are_known check (scope in ('role', 'session')),
  constraint states_are_known check
    (state in ('CREATED', 'APPROVED', 'GRANTED', 'DENIED', 'EXPIRED', 'CANCELED', 'TERMINATED'))
) partition by range (at);
create index records_by_session on records (session_id, at, seq);
create index records_by_organization on records (organization_id, at, seq);
create index state_records on records (organization_id, at, seq) where state is not null;
-- a rare state is counted without walking the frequent ones
create index state_records_by_state on records (organization_id, state, at, seq) where state is not null;
-- the address of a record
create index records_by_event on records (event_id);
create table records_default partition of records default;

-- private values beside the body, which holds their salted digests
create table record_payloads (
  seq             bigint not null,
  at              timestamptz(3) not null,
  organization_id uuid not null,
  payload         jsonb not null,
  primary key (at, seq)
) partition by range (at);
create table record_payloads_default partition of record_payloads default;
`,
}
