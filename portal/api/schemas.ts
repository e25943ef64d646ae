type Json = Readonly<Record<string, unknown>>

const text: Json = { type: 'string' }
const flag: Json = { type: 'boolean' }
const count: Json = { type: 'integer' }
const number: Json = { type: 'number' }
const instant: Json = { type: 'string', format: 'date-time' }
const orNull = (schema: Json): Json => ({ anyOf: [schema, { type: 'null' }] })
const list = (items: Json): Json => ({ type: 'array', items })
const named = (name: string): Json => ({ $ref: `#/components/schemas/${name}` })

/** Every member is always there; what is unknown is null. */
function shape(properties: Readonly<Record<string, Json>>, optional: readonly string[] = []): Json {
  const required = Object.keys(properties).filter((name) => !optional.includes(name))
  return { type: 'object', properties, required }
}

const approval = shape({ by: text, at: instant, comment: text })
const sessionRole = shape({
  name: text,
  state: { enum: ['PENDING', 'APPROVED', 'DENIED'] },
  needed: count,
  approvals: list(approval),
})

/** What the API answers with, as JSON Schema (2020-12). */
export const schemas = {
  any: { type: 'object' },
  problem: shape({
    type: text,
    title: text,
    status: count,
    detail: text,
    code: text,
    instance: text,
    errors: list(shape({ field: text, message: text })),
  }),
  session: shape({
    id: text,
    uuid: text,
    state: {
      enum: ['CREATED', 'APPROVED', 'GRANTED', 'DENIED', 'EXPIRED', 'CANCELED', 'TERMINATED'],
    },
    dataSource: text,
    requester: text,
    roles: list(sessionRole),
    username: orNull(text),
    start: orNull(instant),
    end: orNull(instant),
    minutes: orNull(count),
    justification: text,
    createdAt: instant,
    grantedAt: orNull(instant),
    endedAt: orNull(instant),
    endReason: orNull(text),
    removedAt: orNull(instant),
  }),
  sessions: shape({ sessions: list(named('session')), next: orNull(text) }),
  credential: shape({
    host: text,
    port: count,
    database: text,
    username: text,
    password: text,
    url: text,
    psql: text,
  }),
  statement: shape({
    number: count,
    connection: text,
    text,
    values: list({}),
    kind: text,
    startedAt: instant,
    milliseconds: orNull(number),
    tag: orNull(text),
    rows: orNull(count),
    bytes: orNull(count),
    sqlstate: orNull(text),
    message: orNull(text),
    outcome: text,
  }),
  statements: shape({ statements: list(named('statement')), next: orNull(text) }),
  record: shape({
    id: text,
    at: instant,
    action: text,
    scope: orNull(text),
    state: orNull(text),
    sessionId: orNull(text),
    actor: text,
    requester: orNull(text),
    roles: list(text),
    username: orNull(text),
    start: orNull(instant),
    end: orNull(instant),
    dataSource: orNull(text),
    reason: orNull(text),
    clientIp: orNull(text),
    outcome: text,
  }),
  records: shape({ records: list(named('record')), next: orNull(text) }),
  dataSource: shape(
    {
      id: text,
      name: text,
      databases: list(text),
      defaultDatabase: text,
      disabledAt: orNull(instant),
      host: text,
      port: count,
      tls: text,
      residueOwner: text,
      justificationPattern: orNull(text),
      justificationMessage: orNull(text),
      findings: list(shape({ ok: flag, sentence: text, remedy: text }, ['remedy'])),
    },
    [
      'findings',
      'host',
      'port',
      'tls',
      'residueOwner',
      'justificationPattern',
      'justificationMessage',
    ],
  ),
  dataSources: shape({ dataSources: list(named('dataSource')) }),
  role: shape({
    id: text,
    name: text,
    dataSource: text,
    databaseRole: text,
    description: text,
    group: orNull(text),
    approvers: list(text),
    approvalsNeeded: count,
    defaultMinutes: count,
    maximumMinutes: count,
    disabledAt: orNull(instant),
  }),
  roles: shape({ roles: list(named('role')) }),
  group: shape({ id: text, name: text, members: list(text) }),
  groups: shape({ groups: list(named('group')) }),
  user: shape({
    id: text,
    kind: text,
    username: text,
    displayName: text,
    email: orNull(text),
    portalUser: flag,
    auditUser: flag,
    managementPrivilege: { enum: ['none', 'read_only', 'admin'] },
    disabledAt: orNull(instant),
    createdAt: instant,
  }),
  users: shape({ users: list(named('user')) }),
  me: { allOf: [named('user'), shape({ organization: text })] },
} as const satisfies Readonly<Record<string, Json>>
