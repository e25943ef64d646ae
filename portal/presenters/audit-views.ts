import { ACTIONS, type Action, type Area } from '../../db/audit-log.ts'
import { NO_FILTER, type AuditFilter } from '../../db/audit-filter.ts'

/** Where records come from; an area that is missing here does not compile. */
const IN_ORDER: Readonly<Record<Area, true>> = {
  sessions: true,
  connections: true,
  'data sources': true,
  roles: true,
  groups: true,
  policy: true,
  settings: true,
  'sign-in': true,
  users: true,
  tokens: true,
  applications: true,
  audit: true,
  tasks: true,
  alerts: true,
}
export const AREAS = Object.keys(IN_ORDER).filter((name): name is Area => name in IN_ORDER)

/** The columns that the contract names, in its order, then those by choice. */
const HEADINGS = {
  at: 'Log Timestamp',
  session: 'Session ID',
  state: 'Status',
  scope: 'Scope',
  actor: 'Actor',
  requester: 'Requester',
  roles: 'Roles',
  username: 'Session Username',
  start: 'Session Start Timestamp',
  end: 'Session End Timestamp',
  dataSource: 'Data Source',
  reason: 'Reason',
  clientIp: 'Client IP',
  action: 'Action',
  area: 'Area',
  company: 'Company name',
  accountId: 'Account ID',
  subject: 'Subject',
  details: 'Details',
} as const
export type ColumnName = keyof typeof HEADINGS
export const COLUMN_HEADINGS: Readonly<Record<ColumnName, string>> = HEADINGS
export const COLUMN_NAMES = Object.keys(HEADINGS).filter(
  (name): name is ColumnName => name in HEADINGS,
)

/** One way of looking at the one log. */
export interface AuditView {
  readonly label: string
  /** True for the view that holds the state rows alone. */
  readonly statesOnly: boolean
  /** None: every area. */
  readonly areas: readonly Area[]
  /** What it shows before a reader has chosen columns. */
  readonly columns: readonly ColumnName[]
}

const CONTRACT_COLUMNS: readonly ColumnName[] = COLUMN_NAMES.slice(
  0,
  COLUMN_NAMES.indexOf('clientIp') + 1,
)

const VIEWS = {
  sessions: { label: 'States', statesOnly: true, areas: [], columns: CONTRACT_COLUMNS },
  resources: {
    label: 'Resource audit',
    statesOnly: false,
    areas: ['data sources', 'roles', 'groups', 'policy', 'settings'],
    columns: ['at', 'action', 'area', 'actor', 'subject', 'details', 'reason', 'clientIp'],
  },
  users: {
    label: 'User audit',
    statesOnly: false,
    areas: ['sign-in', 'users', 'tokens', 'applications', 'audit'],
    columns: [
      'at',
      'action',
      'area',
      'actor',
      'subject',
      'details',
      'company',
      'accountId',
      'clientIp',
    ],
  },
  tasks: {
    label: 'Task audit',
    statesOnly: false,
    areas: ['tasks', 'alerts'],
    columns: ['at', 'action', 'actor', 'subject', 'session', 'dataSource', 'details', 'reason'],
  },
  all: { label: 'All records', statesOnly: false, areas: [], columns: CONTRACT_COLUMNS },
} as const satisfies Readonly<Record<string, AuditView>>
export type AuditViewName = keyof typeof VIEWS
export const AUDIT_VIEWS: Readonly<Record<AuditViewName, AuditView>> = VIEWS
export const AUDIT_VIEW_NAMES = Object.keys(VIEWS).filter(
  (name): name is AuditViewName => name in VIEWS,
)

/** The areas that a view can show. */
export function areasOf(view: AuditViewName): readonly Area[] {
  const { areas, statesOnly } = AUDIT_VIEWS[view]
  if (statesOnly) return ['sessions']
  return areas.length === 0 ? AREAS : areas
}

/** The verbs that a view can show; each is one that the product writes. */
export function actionsOf(view: AuditViewName): readonly Action[] {
  if (AUDIT_VIEWS[view].statesOnly) return STATE_ACTIONS
  const areas = areasOf(view)
  return ACTIONS.filter((action) =>
    (WRITTEN_IN[categoryOf(action)] ?? AREAS).some((area) => areas.includes(area)),
  )
}

/** `session` of `session.created`. */
export function categoryOf(action: string): string {
  return action.slice(0, Math.max(0, action.indexOf('.')))
}

/** A whole view: what it shows before anything is filtered. */
export function everythingIn(view: AuditViewName): AuditFilter {
  const { statesOnly, areas } = AUDIT_VIEWS[view]
  return { ...NO_FILTER, view: statesOnly ? 'sessions' : 'all', areas }
}

/** The verbs of state rows. */
const STATE_ACTIONS = [
  'session.created',
  'session.approved',
  'session.denied',
  'session.granted',
  'session.expired',
  'session.canceled',
  'session.terminated',
  'role.approved',
  'role.denied',
] as const satisfies readonly Action[]

/** The areas that records of a category are written in; a category that is not here: any. */
const WRITTEN_IN: Readonly<Record<string, readonly Area[]>> = {
  auth: ['sign-in'],
  session: ['sessions'],
  role: ['sessions'],
  connection: ['connections'],
  recording: ['sessions', 'tasks'],
  data_source: ['data sources'],
  role_definition: ['roles'],
  policy: ['policy'],
  group: ['groups'],
  user: ['users'],
  token: ['tokens'],
  application: ['applications'],
  task: ['tasks'],
  alert: ['alerts'],
  audit: ['audit'],
  settings: ['settings', 'audit'],
}
