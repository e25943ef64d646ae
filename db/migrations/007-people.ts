/**
 * Who anyone is: accounts that end, leave and come back, links that set a password, and each sign-in of
 * the portal as a row that can be looked up and ended.
 */
export const people = {
  name: '007-people',
  sql: /* sql */ `
alter table people
  -- why disabled_at is set; a row without it was locked
  add column out_as text
    constraint ways_out_are_known check (out_as in ('locked', 'disabled', 'expired', 'deleted')),
  -- disabled while locked: enabling leaves the lock
  add column locked_beneath boolean not null default false,
  -- from here on the account is worth nothing, whether or not somebody has written so yet
  add column expires_at timestamptz(3),
  -- the row stays for what was recorded; the username is free again
  add column deleted_at timestamptz(3),
  add column must_change_password boolean not null default false,
  add column password_changed_at timestamptz(3),
  -- how the directory that provisions people (SCIM, RFC 7643 3.1) calls this one
  add column external_id text
    constraint external_ids_are_short check (char_length(external_id) between 1 and 200),
  add constraint who_is_deleted_is_out check (deleted_at is null or disabled_at is not null),
  add constraint a_way_out_has_a_time check (out_as is null or disabled_at is not null);
update people set out_as = 'locked' where disabled_at is not null;

-- who may end other people's sign-ins, a privilege of its own
alter table people add column may_end_sign_ins boolean not null default false;
update people set may_end_sign_ins = true where management_privilege = 'admin';

drop index usernames_are_unique;
create unique index usernames_are_unique on people (lower(username)) where deleted_at is null;
create unique index external_ids_are_unique on people (organization_id, external_id)
  where external_id is not null and deleted_at is null;
create index people_by_email on people (lower(email)) where email is not null;
create index people_by_expiry on people (expires_at) where expires_at is not null and disabled_at is null;

-- the broker ends accounts whose date has come
grant update (disabled_at, out_as) on people to daypass_broker;
grant select (out_as, expires_at, deleted_at, may_end_sign_ins, must_change_password, password_changed_at)
   on people to daypass_broker;
grant select (expires_at, deleted_at) on people to daypass_proxy;

-- a link that lets its holder set a password once; "setup" makes the first admin and is nobody's yet
create table password_links (
  id              uuid primary key default gen_random_uuid(),
  organization_id uuid not null references organizations (id),
  person_id       uuid references people (id),
  purpose         text not null constraint link_purposes_are_known check (purpose in ('setup', 'invitation', 'reset')),
  hash            bytea not null constraint link_hashes_are_unique unique,
  created_by      uuid references people (id),
  created_at      timestamptz(3) not null default now(),
  expires_at      timestamptz(3) not null,
  used_at         timestamptz(3),
  constraint only_setup_is_for_nobody check ((person_id is null) = (purpose = 'setup'))
);
create index password_links_by_person on password_links (person_id);
grant select, insert, update, delete on password_links to daypass_portal;

-- what browsers hold; the rows of express-session
alter table sign_ins rename to sign_in_cookies;
alter table sign_in_cookies rename constraint sign_ins_pkey to sign_in_cookies_pkey;
alter index sign_ins_by_expiry rename to sign_in_cookies_by_expiry;

-- every sign-in of the portal, as auditors see it; its cookie is worth nothing once ended_at is set
create table sign_ins (
  id              uuid primary key,
  organization_id uuid not null references organizations (id),
  person_id       uuid not null references people (id),
  auth_method     text not null,
  client_ip       text,
  -- the name that the address had then (a PTR record), where it has one
  host            text,
  user_agent      text,
  started_at      timestamptz(3) not null default now(),
  last_seen_at    timestamptz(3) not null default now(),
  expires_at      timestamptz(3) not null,
  ended_at        timestamptz(3),
  ended_as        text constraint ends_of_sign_ins_are_known
                    check (ended_as in ('signed_out', 'expired', 'terminated', 'locked', 'disabled', 'deleted',
                                        'password_changed')),
  ended_by        uuid references people (id),
  end_reason      text,
  constraint sign_ins_end_somehow check ((ended_at is null) = (ended_as is null))
);
create index sign_ins_by_start on sign_ins (organization_id, started_at desc, id);
create index sign_ins_by_person on sign_ins (person_id, started_at desc);
create index live_sign_ins on sign_ins (organization_id, person_id) where ended_at is null;
grant select, insert, update on sign_ins to daypass_portal;
-- the broker ends those of accounts that have ended
grant select (id, organization_id, person_id, expires_at, ended_at),
      update (ended_at, ended_as, ended_by, end_reason) on sign_ins to daypass_broker;

-- what each sign-in did; most of the trail comes from no sign-in
create index records_by_sign_in on records (sign_in_id, at, seq) where sign_in_id is not null;

-- wrong secrets, counted for every portal at once; what a crash forgets is counted anew
create unlogged table sign_in_tries (
  key    varchar(255) primary key,
  points integer not null default 0,
  -- milliseconds since the epoch
  expire bigint
);
create index sign_in_tries_by_expiry on sign_in_tries (expire);
grant select, insert, update, delete on sign_in_tries to daypass_portal;
`,
}
