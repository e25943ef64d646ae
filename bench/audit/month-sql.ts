/** Sessions of the month, as their requests were. */
const SESSIONS = `
with asked as materialized (
  select cast(:firstSession as bigint) + n as id, gen_random_uuid() as uuid,
         cast(:start as timestamptz) + random() * cast(:seconds as double precision) * interval '1 second' as began,
         random() as fate, (30 + floor(random() * 210)) * interval '1 minute' as lasting,
         case when random() < 0.00001 then 2001 else ceil(2000 * power(random(), 4))::int end as who, ceil(60 * power(random(), 2))::int as source,
         2000 - floor(40 * power(random(), 2))::int as approver,
         array(select 'role' || ceil(300 * power(random() + n * 0, 3))::int from generate_series(1, 1 + n % 3)) as roles,
         case when random() < 0.7 then '10.0.0.' || (1 + floor(4 * random()))::int
              else '10.' || (n % 250) || '.' || floor(250 * random())::int || '.' || floor(250 * random())::int end as ip,
         'INC-' || (cast(:firstSession as bigint) + n) || ' ' || w.all[ceil(80 * power(random(), 3))::int] || ' '
           || w.all[ceil(80 * power(random(), 2))::int] || ' ' || w.all[ceil(80 * power(random(), 3))::int] || ' '
           || w.all[ceil(80 * random())::int] || ' ' || w.all[ceil(80 * power(random(), 3))::int]
           || case when random() < 0.00002 then ' ' || w.all[81] else '' end as justification
    from generate_series(1, cast(:sessions as int)) n,
         (select cast(:words as text[]) as all) w
), sessions as materialized (
  select a.*, p.name as requester, p.id as requester_id, q.name as approver_name, q.id as approver_id,
         d.name as source_name, d.id as source_id,
         'dp_' || left(split_part(p.name, '.', 1), 10) || '_' || a.id || '_' || substr(md5(a.id::text), 1, 6) as login
    from asked a
    join bench_people p on p.n = greatest(1, a.who)
    join bench_people q on q.n = a.approver
    join bench_sources d on d.n = greatest(1, a.source)
`

/** What happened in them, and what happened beside them. */
const EVENTS = `
), steps as (
  select date_trunc('milliseconds', s.began + s.lasting * t.place + t.step * interval '1 millisecond') as at,
         t.action, t.area, t.scope, t.state, s.id as session_id, t.doer, t.detail,
         case t.doer when 'requester' then s.requester when 'approver' then s.approver_name else 'system' end as actor_name,
         case t.doer when 'requester' then s.requester_id::text when 'approver' then s.approver_id::text else 'system' end as actor_id,
         s.requester, case when t.scope = 'role' then s.roles[t.step % 2 + 1 : t.step % 2 + 1] else s.roles end as roles,
         case when t.state = 'DENIED' then '-' when t.place < 0.1 then 'TBD' when s.fate < 0.93 then s.login else '-' end as username,
         case when t.scope is distinct from 'role' then s.began end as start_at,
         case when t.scope is distinct from 'role' then s.began + s.lasting end as end_at,
         s.source_name as data_source, s.source_id, s.uuid as session_uuid,
         cast(null as text) as subject_type, cast(null as text) as subject,
         case t.action when 'session.created' then s.justification end as justification,
         case when t.action in ('session.denied', 'session.terminated', 'role.denied') then 'not now: ' || s.justification end as reason,
         case when t.doer <> 'system' then s.ip end as ip
    from sessions s
    join bench_steps t on s.fate >= t.least and s.fate < t.most
                      and not (t.step = 3 and cardinality(s.roles) < 2)
), others as (
  select date_trunc('milliseconds', o.at), o.action, o.area, null, null, null::bigint, 'requester', o.detail, p.name, p.id::text,
         null, cast('{}' as text[]), null, null::timestamptz, null::timestamptz, null, null::uuid, null::uuid,
         'person', q.name, null, null,
         '10.0.0.' || (1 + floor(4 * random()))::int
    from (select cast(:start as timestamptz) + random() * cast(:seconds as double precision) * interval '1 second' as at,
                 v.action, v.area, v.detail, ceil(2000 * power(random(), 3))::int as who,
                 ceil(2000 * random())::int as whom
            from generate_series(1, cast(:others as int)) n,
                 lateral (select random() + n * 0 as luck) l
            join bench_verbs v on l.luck >= v.least and l.luck < v.most) o
    join bench_people p on p.n = greatest(1, o.who)
    join bench_people q on q.n = greatest(1, o.whom)
`

/** The same in the order of time, each in its place. */
const PLACED = `
), placed as materialized (
  select (row_number() over (order by at)) + cast(:firstSeq as bigint) as seq, e.*,
         overlay(gen_random_uuid()::text placing substr(x.hex, 1, 8) || '-' || substr(x.hex, 9, 4) || '-7' from 1 for 15)::uuid as event_id,
         to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as moment,
         gen_random_uuid() as salt
    from (select * from steps union all select * from others) as e,
         lateral (select lpad(to_hex((extract(epoch from e.at) * 1000)::bigint), 12, '0') as hex) x
   order by at
`

/** A record's canonical body: names in alphabetical order, no white space. */
const BODY = `
         '{"action":"' || action || '","actor":{"id":"' || actor_id || '","name":"' || actor_name || '","type":"'
         || case when actor_name = 'system' then 'system' else 'person' end || '"},"area":"' || area || '","at":"' || moment
         || coalesce('","client_ip":"sha256:' || encode(sha256(uuid_send(salt) || convert_to(ip, 'UTF8')), 'hex'), '')
         || '","correlation_id":"' || md5(seq::text)::uuid
         || coalesce('","data_source":{"id":"' || source_id || '","name":"' || data_source || '"}', '"')
         || coalesce(',"details":{"about":"' || detail || '"}', '')
         || ',"event_id":"' || event_id
         || coalesce('","justification":"sha256:' || encode(sha256(uuid_send(salt) || convert_to(justification, 'UTF8')), 'hex'), '')
         || '","organization":{"account_id":"1","id":"' || :org || '","name":"' || :company || '"},"outcome":"ok"'
         || coalesce(',"reason":"sha256:' || encode(sha256(uuid_send(salt) || convert_to(reason, 'UTF8')), 'hex') || '"', '')
         || coalesce(',"scope":"' || scope || '"', '')
         || coalesce(',"session":{' || coalesce('"end":"' || to_char(end_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') || '",', '')
              || '"id":"' || session_id || '","ordinal":"1","requester":"' || requester || '","roles":["'
              || array_to_string(roles, '","') || '"],'
              || coalesce('"start":"' || to_char(start_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') || '",', '')
              || '"username":"' || username || '","uuid":"' || session_uuid || '"}', '')
         || coalesce(',"state":"' || state || '"', '')
         || coalesce(',"subject":{"id":"' || md5(subject) || '","name":"' || subject || '","type":"' || subject_type || '"}', '')
         || ',"version":"1"}'`

/**
 * One month of a made-up trail in one statement, into tables of its own that have no index yet: sessions
 * with all their records, a few busy people and many rare ones, then whatever else the product writes. Bodies
 * are canonical and private values fit their digests, so that pages show what they would of a true trail.
 * Binds :org, :company, :start, :seconds, :sessions, :others, :firstSession, :firstSeq and :words.
 */
export function monthSql(records: string, payloads: string): string {
  return `${SESSIONS}${EVENTS}${PLACED}
), written as (
  insert into ${records} (seq, at, event_id, organization_id, action, area, scope, state, session_id, actor_id, actor_name,
                          requester, roles, username, start_at, end_at, data_source, outcome, body)
  select seq, at, event_id, cast(:org as uuid), action, area, scope, state, session_id, actor_id, actor_name,
         requester, roles, username, start_at, end_at, data_source,
         'ok',
         ${BODY}
    from placed
)
insert into ${payloads} (seq, at, organization_id, payload, keys)
select seq, at, organization_id, payload, payload_keys(keys, organization_id, payload)
  from (
select seq, at, cast(:org as uuid) as organization_id,
       record_keys(cast(:org as uuid), action, area, scope, state, actor_name, requester, roles, username, data_source,
                   subject, :company, '1') as keys,
       jsonb_strip_nulls(jsonb_build_object(
         'client_ip', case when ip is not null then jsonb_build_object('salt', encode(uuid_send(salt), 'base64'), 'value', ip) end,
         'justification', case when justification is not null then jsonb_build_object('salt', encode(uuid_send(salt), 'base64'), 'value', justification) end,
         'reason', case when reason is not null then jsonb_build_object('salt', encode(uuid_send(salt), 'base64'), 'value', reason) end)) as payload
  from placed
 where coalesce(ip, justification, reason) is not null) as kept`
}
