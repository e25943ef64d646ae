import type { Told } from '../../support/recorded-session.ts'

/** Who is in the organization beside the four of the seed's example. */
export const MORE_PEOPLE = ['salma.idrissi', 'wei.li', 'nadia.horvat', 'tomas.novak'] as const
export type Username = 'mark' | 'admin' | 'john' | 'audrey' | (typeof MORE_PEOPLE)[number]

/** Everything that people typed: the organization is the same, whatever they typed. */
export interface Words {
  readonly names: Readonly<Record<Username, string>>
  readonly group: { readonly name: string; readonly description: string }
  /** A dangerous role: its name and what it is for. */
  readonly emergency: { readonly name: string; readonly description: string }
  readonly descriptions: { readonly role1: string; readonly role2: string; readonly role3: string }
  readonly justificationMessage: string
  readonly filter: { readonly own: string; readonly shared: string }
  /** Of requests: a short one, and one of 2,000 characters. */
  readonly why: string
  readonly longWhy: string
  readonly moreTime: string
  readonly comment: string
  readonly denial: string
  readonly cancellation: string
  readonly termination: string
  readonly alert: string
  readonly leftBehind: { readonly name: string; readonly detail: string }
  readonly application: string
  /** What a browser and an address call themselves. */
  readonly browser: string
  readonly host: string
  /** Of the recording of a session, on two connections. */
  readonly statements: readonly [readonly Told[], readonly Told[]]
  readonly running: string
}

const LONG_WHY = `Incident INC-2291: since the migration on Saturday the totals of some refunded orders are wrong.

What I will do:
1. List the orders with status "returned" whose total is not the sum of their lines.
2. Correct the totals of those that finance confirmed (list attached to the ticket).
3. Compare with the report of last Friday, and send both to finance.

`

/** What a small shop's people would write. */
export const BELIEVABLE: Words = {
  names: {
    mark: 'Mark Lindqvist',
    admin: 'Ada Okafor',
    john: 'John Baran',
    audrey: 'Audrey Moreau',
    'salma.idrissi': 'سلمى الإدريسي',
    'wei.li': '李伟',
    'nadia.horvat': 'Nadia Horvat',
    'tomas.novak': 'Tomáš Novák',
  },
  group: { name: 'On call', description: 'Whoever carries the phone this week, and their deputy' },
  emergency: {
    name: 'emergency',
    description: 'Production emergencies: may change orders and create tables',
  },
  descriptions: {
    role1: 'Read orders and their lines',
    role2: 'Read customers, without payment data',
    role3: 'Change orders: refunds, corrections',
  },
  justificationMessage: 'Start with the ticket, for example INC-2291 or OPS-12.',
  filter: { own: 'Denied last week', shared: 'Changes of the shop by the broker' },
  why: 'INC-2291: correct the totals of 14 refunded orders',
  longWhy:
    `${LONG_WHY}${'Each step is repeated per region, because the regions were migrated one after another. '.repeat(30)}`.slice(
      0,
      2_000,
    ),
  moreTime: 'INC-2291: finance found three more orders',
  comment: 'Fine. Please keep to the list that finance confirmed.',
  denial: 'OPS-12 is not approved yet: ask again once it is.',
  cancellation: 'Done earlier than planned',
  termination: 'Maintenance of the shop starts now',
  alert: 'The data source warehouse cannot be reached: connection refused',
  leftBehind: { name: 'public.refunds_check', detail: 'reassigned to daypass_residue' },
  application: 'DBeaver 25.3 — Main',
  browser: 'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0',
  host: 'desk-7.halden.example',
  statements: [
    [
      { text: 'begin', tag: 'BEGIN', rows: 0, transaction: 'T', milliseconds: 0.2 },
      {
        text: `select o.id, o.total, sum(l.quantity * l.price) as lines
  from orders o
  join order_lines l on l.order_id = o.id
 where o.status = $1
   and o.placed_at >= $2
 group by o.id
having o.total <> sum(l.quantity * l.price)
 order by o.id`,
        values: ['returned', '2026-11-01 00:00:00+01'],
        tag: 'SELECT 14',
        rows: 14,
        bytes: 1_180,
        milliseconds: 41.7,
        transaction: 'T',
      },
      {
        text: 'update orders set total = $1 where id = $2 -- INC-2291',
        values: ['118.40', '1207'],
        tag: 'UPDATE 1',
        rows: 1,
        milliseconds: 2.9,
        transaction: 'T',
      },
      { text: 'commit', tag: 'COMMIT', rows: 0, milliseconds: 4.1 },
      {
        text: `select name, email from customers where city = 'Łódź'`,
        tag: null,
        rows: 0,
        outcome: 'error',
        sqlstate: '42501',
        message: 'permission denied for table customers',
      },
    ],
    [
      {
        text: `create table refunds_check as
select id, total, now() as checked_at
  from orders
 where status = 'returned'`,
        kind: 'query',
        tag: 'SELECT 212',
        rows: 212,
        milliseconds: 18.3,
      },
      {
        text: "select * from refunds_check where note in ('退款', 'استرداد', 'zwrot')",
        kind: 'query',
        tag: null,
        rows: 0,
        outcome: 'error',
        sqlstate: '42703',
        message: 'column "note" does not exist',
      },
      {
        text: 'copy refunds_check to stdout with (format csv, header)',
        kind: 'copy out',
        tag: 'COPY 212',
        rows: 212,
        bytes: 9_418,
        milliseconds: 7.7,
      },
    ],
  ],
  running: 'select count(*) from order_lines l join products p on p.id = l.product_id',
}
