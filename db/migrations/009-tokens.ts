/**
 * Tokens that may do less than their person, end by themselves and say who used them from where; and
 * applications: accounts of programs, which no one signs in to.
 */
export const tokens = {
  name: '009-tokens',
  sql: /* sql */ `
alter table tokens
  -- those made before may do all that their person may, as they always could
  add column scopes       text[] not null default array['request', 'approve', 'audit', 'admin']
    constraint token_scopes_are_known
      check (scopes <@ array['request', 'approve', 'audit', 'admin'] and cardinality(scopes) > 0),
  -- null: never
  add column expires_at   timestamptz(3),
  -- enough of the secret to know it by, and too little to guess the rest; null for those made before
  add column prefix       text,
  add column suffix       text,
  add column created_by   uuid references people (id),
  add column last_used_ip text,
  -- null where Daypass or an operator ended it
  add column ended_by     uuid references people (id),
  add constraint only_an_ended_token_has_an_ender check (ended_by is null or ended_at is not null);
alter table tokens alter column scopes drop default;
create index tokens_by_person on tokens (person_id, created_at desc);

-- what a token may do is said when it is made, and never after
revoke update on tokens from daypass_portal;
grant update (last_used_at, last_used_ip, ended_at, ended_by) on tokens to daypass_portal;

alter table people
  add constraint applications_never_sign_in
      check (kind = 'person' or (password_hash is null and not portal_user));

-- a program that works with Daypass; its rights are those of its row in people
create table applications (
  person_id       uuid primary key references people (id),
  organization_id uuid not null references organizations (id),
  purpose         text not null default ''
                  constraint purposes_are_short check (char_length(purpose) <= 1000),
  -- the person who answers for it
  owner_id        uuid not null references people (id),
  created_by      uuid references people (id),
  created_at      timestamptz(3) not null default now()
);
create index applications_by_organization on applications (organization_id);
grant select, insert on applications to daypass_portal;
grant update (purpose, owner_id) on applications to daypass_portal;

-- who answered for an application, made it or made a token of it, at any time: who may act through it
create table application_hands (
  application_id  uuid not null references applications (person_id),
  person_id       uuid not null references people (id),
  organization_id uuid not null references organizations (id),
  primary key (application_id, person_id)
);
grant select, insert on application_hands to daypass_portal;
grant select on application_hands to daypass_broker;

-- true where one person may stand behind both: themselves, or an application in their hands
create function same_hands(one uuid, other uuid) returns boolean
  language sql stable parallel safe as $$
  select one = other
      or exists (select from application_hands h
                  where (h.application_id, h.person_id) in ((one, other), (other, one)))
      or exists (select from application_hands a
                   join application_hands b using (person_id)
                  where a.application_id = one
                    and b.application_id = other)
$$;
revoke all on function same_hands(uuid, uuid) from public;
grant execute on function same_hands(uuid, uuid) to daypass_portal, daypass_broker;

-- when the use of an application from an address was last a record
create table application_uses (
  application_id uuid not null references applications (person_id),
  client_ip      text not null,
  noted_at       timestamptz(3) not null default now(),
  primary key (application_id, client_ip)
);
grant select, insert, update, delete on application_uses to daypass_portal;
`,
}
