/** Made once: whom and what the months draw from. Position 1 is the busiest of each. */
export const CAST = `
create unlogged table bench_people as
select row_number() over ()::int as n, first || '.' || last as name, gen_random_uuid() as id
  from unnest(array['mark', 'john', 'anna', 'lena', 'omar', 'yuki', 'ines', 'paul', 'rosa', 'ivan', 'mina', 'hugo', 'elif',
                    'noor', 'theo', 'vera', 'luca', 'sara', 'amir', 'jana', 'nils', 'zoe', 'kofi', 'maja', 'egon', 'ruth',
                    'pia', 'sven', 'lola', 'enzo', 'gina', 'otto', 'dana', 'felix', 'iris', 'bela', 'cleo', 'ugo', 'tara', 'jon']) as first,
       unnest(array['adler', 'bauer', 'cohen', 'diaz', 'evans', 'fuchs', 'garcia', 'hansen', 'ito', 'jensen', 'kim', 'lopez',
                    'meyer', 'novak', 'okafor', 'patel', 'quinn', 'rossi', 'silva', 'tanaka', 'ueda', 'vogel', 'wong', 'xu',
                    'yilmaz', 'zhang', 'abbas', 'berg', 'costa', 'dubois', 'engel', 'ferrari', 'gupta', 'haas', 'ivanov',
                    'janssen', 'kaya', 'larsen', 'moreau', 'nagy', 'olsen', 'popov', 'reyes', 'santos', 'torres', 'urban',
                    'varga', 'weber', 'young', 'zimmer']) as last;
insert into bench_people values (2001, 'rare.visitor', gen_random_uuid());
alter table bench_people add primary key (n);

create unlogged table bench_sources as
select n, gen_random_uuid() as id,
       (array['shop', 'billing', 'ledger', 'stock', 'orders', 'search', 'mail', 'crm', 'risk', 'fleet'])[1 + (n - 1) % 10]
         || case when n <= 10 then '' else ' ' || (1 + (n - 1) / 10)::text end as name
  from generate_series(1, 60) n;
alter table bench_sources add primary key (n);

-- what happens in a session: when (a share of its length), how often, and who does it
create unlogged table bench_verbs (
  action text, area text, detail text, least double precision, most double precision);
create unlogged table bench_steps (
  step int, action text, area text, scope text, state text, place double precision, least double precision,
  most double precision, doer text, detail text);
insert into bench_steps values
  (1,  'session.created',          'sessions',    'session', 'CREATED',    0.00, 0.000, 1.00, 'requester', null),
  (2,  'role.approved',            'sessions',    'role',    'APPROVED',   0.05, 0.000, 0.93, 'approver',  null),
  (3,  'role.approved',            'sessions',    'role',    'APPROVED',   0.06, 0.300, 0.93, 'approver',  null),
  (4,  'role.denied',              'sessions',    'role',    'DENIED',     0.05, 0.930, 0.96, 'approver',  null),
  (5,  'session.denied',           'sessions',    'session', 'DENIED',     0.05, 0.930, 0.96, 'approver',  null),
  (6,  'session.approved',         'sessions',    'session', 'APPROVED',   0.06, 0.000, 0.93, 'system',    null),
  (7,  'session.granted',          'sessions',    'session', 'GRANTED',    0.10, 0.000, 0.92, 'system',    null),
  (8,  'task.succeeded',           'tasks',       null,      null,         0.10, 0.000, 0.92, 'system',    'grant'),
  (9,  'session.credential_made',  'sessions',    null,      null,         0.12, 0.000, 0.80, 'requester', null),
  (10, 'connection.opened',        'connections', null,      null,         0.15, 0.000, 0.75, 'requester', 'psql'),
  (11, 'connection.closed',        'connections', null,      null,         0.50, 0.000, 0.75, 'requester', 'psql'),
  (12, 'connection.refused',       'connections', null,      null,         0.20, 0.745, 0.76, 'requester', 'expired'),
  (13, 'session.expired',          'sessions',    'session', 'EXPIRED',    0.90, 0.000, 0.70, 'system',    null),
  (14, 'session.canceled',         'sessions',    'session', 'CANCELED',   0.70, 0.700, 0.92, 'requester', null),
  (15, 'session.terminated',       'sessions',    'session', 'TERMINATED', 0.60, 0.920, 0.93, 'approver',  null),
  (16, 'session.removed',          'sessions',    null,      null,         0.91, 0.000, 0.92, 'system',    null),
  (17, 'task.succeeded',           'tasks',       null,      null,         0.91, 0.000, 0.92, 'system',    'removal'),
  (18, 'recording.viewed',         'sessions',    null,      null,         0.95, 0.050, 0.07, 'approver',  null),
  (19, 'session.residue',          'sessions',    null,      null,         0.92, 0.100, 0.104, 'system',   'table'),
  (20, 'session.extension_requested', 'sessions', null,      null,         0.50, 0.200, 0.23, 'requester', null),
  (21, 'session.extension_approved', 'sessions',  null,      null,         0.51, 0.200, 0.22, 'approver',  null),
  (22, 'session.extended',         'sessions',    null,      null,         0.51, 0.200, 0.22, 'system',    null);
`

/** Words of justifications, the frequent ones first; the last one stands in a few of a million alone. */
export const WORDS: readonly string[] = (
  'incident ticket customer check fix report data orders slow query index invoice refund export migration wrong ' +
  'address missing payment audit quarter release rollback duplicate account locked balance shipment currency timezone ' +
  'stuck job retry legal request deletion consent support escalation outage latency backup restore verify sample ' +
  'campaign voucher discount price tax warehouse return fraud review holiday peak load test schema drift vacuum bloat ' +
  'replica failover catalog feed partner token webhook import parser encoding umlaut rounding cent ledgerline dispute ' +
  'chargeback mandate sepa settlement quokka'
).split(' ')
