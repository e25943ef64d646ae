/**
 * Patterns looked up as quickly as whole values: where a value begins is a key like the value itself.
 */
export const search = {
  name: '008-search',
  sql: /* sql */ `
-- a long trail is written anew, which takes its time
set local statement_timeout = '12h';

drop index records_by_values;
drop index payloads_by_values;
alter table record_payloads drop column keys;
drop function payload_keys(bigint[], uuid, jsonb);
drop function record_keys(uuid, text, text, text, text, text, text, text[], text, text, text, text, text);
drop function record_key(uuid, text, text);

-- the value of one column as a number, from lower case; two that meet are told apart by the columns themselves.
-- PostgreSQL writes this and the next two into where they are called (inlines), which takes an eighth of the time
create function record_key(organization uuid, kind text, value text) returns integer
  language sql immutable parallel safe
  return (hashtextextended(kind || ':' || value, uuid_hash_extended(organization, 0)) >> 32)::integer;

-- its first so many letters in the same way: what a pattern begins with; null where it is shorter
create function record_start(organization uuid, kind text, value text, size integer) returns integer
  language sql immutable parallel safe
  return case when char_length(value) >= size
              then record_key(organization, kind || '^' || cast(size as text), left(value, size)) end;

-- all that a value is looked up by
create function value_keys(organization uuid, kind text, value text) returns integer[]
  language sql immutable parallel safe
  return array[record_key(organization, kind, value), record_start(organization, kind, value, 1),
               record_start(organization, kind, value, 3), record_start(organization, kind, value, 6)];

-- a record's values, all in one index: whatever is asked for together is looked up together
create function record_keys(organization uuid, action text, area text, scope text, state text, actor text,
                            requester text, roles text[], username text, data_source text, subject text,
                            company text, account_id text) returns integer[]
  language plpgsql immutable parallel safe cost 100 as $$
declare
  keys integer[];
  role text;
begin
  -- once, and not for each of a value's keys
  action := lower(action);
  actor := lower(actor);
  requester := lower(requester);
  username := lower(username);
  data_source := lower(data_source);
  subject := lower(subject);
  company := lower(company);
  account_id := lower(account_id);
  keys := array[public.record_key(organization, 'area', lower(area)),
                public.record_key(organization, 'scope', lower(scope)),
                public.record_key(organization, 'state', lower(state))]
          || public.value_keys(organization, 'action', action)
          || public.value_keys(organization, 'actor', actor)
          || public.value_keys(organization, 'requester', requester)
          || public.value_keys(organization, 'username', username)
          || public.value_keys(organization, 'data source', data_source)
          || public.value_keys(organization, 'subject', subject)
          || public.value_keys(organization, 'company', company)
          || public.value_keys(organization, 'account', account_id);
  foreach role in array roles loop
    role := lower(role);
    keys := keys || public.value_keys(organization, 'role', role);
  end loop;
  return array_remove(keys, null);
end
$$;

create index records_by_values on records using gin (
  record_keys(organization_id, action, area, scope, state, actor_name, requester, roles, username, data_source,
              subject, company, account_id),
  search gin_trgm_ops) with (gin_pending_list_limit = 1024);

create function payload_keys(keys integer[], organization uuid, payload jsonb) returns integer[]
  language sql immutable parallel safe
  return array_remove(keys || value_keys(organization, 'client ip', lower(payload #>> '{client_ip,value}')), null);
alter table record_payloads add column keys integer[] not null default '{}';
update record_payloads p
   set keys = payload_keys(record_keys(r.organization_id, r.action, r.area, r.scope, r.state, r.actor_name, r.requester,
                                       r.roles, r.username, r.data_source, r.subject, r.company, r.account_id),
                           r.organization_id, p.payload)
  from records r
 where r.at = p.at
   and r.seq = p.seq;
create index payloads_by_values on record_payloads using gin (keys, payload_search(payload) gin_trgm_ops)
  with (gin_pending_list_limit = 1024);

-- an area is looked up among the values; the page of tasks alone reads one in the order of time
drop index records_by_area;
create index task_records on records (at, seq) where area = 'tasks';
`,
}
