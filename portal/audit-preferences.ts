import type { Request } from 'express'
import {
  findAuditPreferences,
  keepAuditColumns,
  keepAuditZone,
  type AuditPreferences,
} from '../db/person-preferences.ts'
import type { PersonScope } from '../db/scope.ts'
import type { PortalDeps } from './deps.ts'
import type { AuditForm } from './forms/audit-filter.ts'
import { COLUMN_NAMES, type AuditViewName, type ColumnName } from './presenters/audit-views.ts'
import type { Zones } from './presenters/moments.ts'
import { isPart } from './shell.ts'

/** How a reader last looked at records, whatever they signed in with since. */
export interface Remembered {
  /** The zone choice for an address that names none. */
  readonly zone: string
  /** Undefined for a view whose columns they never chose. */
  readonly columnsOf: (view: AuditViewName) => readonly ColumnName[] | undefined
  readonly kept: AuditPreferences
}

/** Reads what the person chose last. `Local Timezone` is that of the browser they sit at now. */
export async function rememberedBy(
  { store }: PortalDeps,
  scope: PersonScope,
  { own }: Pick<Zones, 'own'>,
): Promise<Remembered> {
  const kept = await findAuditPreferences(store.db, scope)
  const { zone, columns } = kept
  const isNamed = zone === null || zone === 'central' || zone === 'utc'
  return {
    zone: isNamed ? (zone ?? 'central') : (own ?? zone),
    columnsOf: (view) => {
      const chosen = COLUMN_NAMES.filter((name) => columns?.includes(`${view}.${name}`) === true)
      return chosen.length === 0 ? undefined : chosen
    },
    kept,
  }
}

type Choices = Pick<AuditForm, 'zone' | 'mistakes'> & Partial<Pick<AuditForm, 'view' | 'columns'>>

/**
 * Keeps what this address says of zone and columns, where the reader chose it on a page of ours: a
 * link that somebody sent is shown as it says and changes nothing for the next time.
 */
export async function remember(
  { store }: PortalDeps,
  req: Request,
  { scope, form, before }: { scope: PersonScope; form: Choices; before: AuditPreferences },
): Promise<void> {
  if (isPart(req) || !isFromOurPages(req)) return
  const { zone, mistakes, view, columns } = form
  if (req.query['zone'] !== undefined && mistakes['zone'] === undefined) {
    const isLocal = zone.choice !== 'central' && zone.choice !== 'utc'
    if (isLocal && req.session.zone !== zone.choice) req.session.zone = zone.choice
    if (before.zone !== zone.choice) await keepAuditZone(store.db, scope, zone.choice)
  }
  // the chooser sends them one by one; a link that names them changes nothing
  const asked: unknown = req.query['columns']
  if (view === undefined || columns === undefined) return
  if (columns !== 'default' && !Array.isArray(asked)) return
  const chosen = columns === 'default' ? [] : columns.map((name) => `${view}.${name}`)
  const known = before.columns?.filter((entry) => entry.startsWith(`${view}.`)) ?? []
  if (chosen.join() === known.join()) return
  const wanted = columns === 'default' ? null : columns
  await keepAuditColumns(store.db, scope, { view, columns: wanted })
}

/** Browsers say so; one that is too old for it, or told over plain http, names the page it came from. */
function isFromOurPages(req: Request): boolean {
  const site = req.get('sec-fetch-site')
  if (site !== undefined) return site === 'same-origin'
  const from = req.get('referer') ?? ''
  return URL.canParse(from) && new URL(from).host === req.get('host')
}
