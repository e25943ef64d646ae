/**
 * Second factors: authenticator apps, recovery codes and passkeys of people, what an organization asks
 * for, and when a sign-in last gave one.
 */
export const mfa = {
  name: '010-mfa',
  sql: /* sql */ `
-- what an organization asks for; without a row: of nobody
create table mfa_policies (
  organization_id uuid primary key references organizations (id),
  required_for    text not null default 'nobody'
    constraint second_factors_are_asked_of check (required_for in ('nobody', 'admins', 'approvers', 'everyone')),
  -- what takes a fresh second factor each time
  step_up         text[] not null default '{}'
    constraint steps_up_are_known check (step_up <@ array['approve', 'terminate', 'download']),
  -- whether people may add an authenticator app
  totp            boolean not null default true,
  trusted_ranges  cidr[] not null default '{}',
  trusted_mode    text not null default 'skip'
    constraint trusted_modes_are_known check (trusted_mode in ('skip', 'only')),
  changed_at      timestamptz(3) not null default now()
);
grant select, insert, update on mfa_policies to daypass_portal;

-- an authenticator app; it counts from its first right code on, and takes the place of the one before
create table mfa_totp (
  id              uuid primary key,
  organization_id uuid not null references organizations (id),
  person_id       uuid not null references people (id),
  -- to the portal's own key
  sealed          bytea not null,
  created_at      timestamptz(3) not null default now(),
  confirmed_at    timestamptz(3),
  -- of the code used last (RFC 6238, 5.2): none as old or older is taken again
  last_step       bigint,
  last_used_at    timestamptz(3),
  constraint codes_confirm check ((confirmed_at is null) = (last_step is null))
);
create unique index one_app_counts on mfa_totp (person_id) where confirmed_at is not null;
create unique index one_app_is_tried on mfa_totp (person_id) where confirmed_at is null;
grant select, insert, update, delete on mfa_totp to daypass_portal;

create table mfa_recovery_codes (
  hash            bytea primary key,
  organization_id uuid not null references organizations (id),
  person_id       uuid not null references people (id),
  made_at         timestamptz(3) not null default now(),
  used_at         timestamptz(3)
);
create index recovery_codes_by_person on mfa_recovery_codes (person_id);
grant select, insert, update, delete on mfa_recovery_codes to daypass_portal;

create table mfa_passkeys (
  id              uuid primary key default gen_random_uuid(),
  organization_id uuid not null references organizations (id),
  person_id       uuid not null references people (id),
  name            text not null constraint passkeys_have_names check (char_length(name) between 1 and 100),
  -- base64url, as the browser says it
  credential_id   text not null constraint passkeys_are_of_one unique,
  public_key      bytea not null,
  -- signatures that the authenticator has counted; 0 where it does not count
  counter         bigint not null,
  transports      text[] not null default '{}',
  created_at      timestamptz(3) not null default now(),
  last_used_at    timestamptz(3)
);
create index passkeys_by_person on mfa_passkeys (person_id);
grant select, insert, update, delete on mfa_passkeys to daypass_portal;

-- what an authenticator is asked to sign: once, also where two portals are asked at once
create table mfa_challenges (
  challenge  text primary key,
  person_id  uuid not null references people (id),
  purpose    text not null constraint challenges_have_purposes check (purpose in ('add', 'prove')),
  expires_at timestamptz(3) not null
);
create index challenges_by_expiry on mfa_challenges (expires_at);
create index challenges_by_person on mfa_challenges (person_id);
grant select, insert, delete on mfa_challenges to daypass_portal;

-- when this sign-in last gave a second factor
alter table sign_ins add column second_factor_at timestamptz(3);
`,
}
