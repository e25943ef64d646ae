/**
 * What links that set a password need beside their table: their secrets travel to the broker sealed,
 * and the portal knows whether letters leave at all.
 */
export const passwords = {
  name: '011-passwords',
  sql: /* sql */ `
-- the broker alone knows the mail server; at its start it says whether there is one
create table mail_service (
  only_row     boolean primary key default true constraint there_is_one_mail_service check (only_row),
  is_open      boolean not null,
  announced_at timestamptz(3) not null default now()
);
grant select on mail_service to daypass_portal;
grant select, insert, update on mail_service to daypass_broker;

-- a secret on its way into a letter: sealed to the broker, and gone once the letter is dealt with
alter table mails
  add column sealed bytea,
  add constraint secrets_leave_with_their_letters
      check (sealed is null or (sent_at is null and dropped_at is null));
grant update (sealed) on mails to daypass_broker;

-- a letter about a link that is worth nothing any more is not sent
grant select (id, used_at, expires_at) on password_links to daypass_broker;

-- a new admin's link is looked for by what it is for
create index setup_links on password_links (purpose) where purpose = 'setup';
`,
}
