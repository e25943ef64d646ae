import { setTimeout as sleep } from 'node:timers/promises'
import type { RequestHandler } from 'express'
import type { AuditFilter, AuditUserScope } from '../../db/audit-filter.ts'
import { countChoices } from '../../db/audit-choices.ts'
import { countRecords } from '../../db/audit-counts.ts'
import { searchRecords, type AuditSearchPage } from '../../db/audit-search.ts'
import { listSavedFilters } from '../../db/saved-filters.ts'
import { isUuid } from '../../lib/ids.ts'
import { AppError } from '../../lib/errors.ts'
import { auditDownload } from '../audit-download.ts'
import { remember, rememberedBy } from '../audit-preferences.ts'
import { frameFor } from '../audit-sessions.ts'
import { auditVisitOf } from '../auditor.ts'
import type { PortalDeps } from '../deps.ts'
import { readAuditForm, type AuditForm } from '../forms/audit-filter.ts'
import { presentAudit } from '../presenters/audit.ts'
import { presentNews } from '../presenters/audit-news.ts'
import { activeFilters } from '../presenters/audit-query.ts'
import { AUDIT_VIEWS, everythingIn, type ColumnName } from '../presenters/audit-views.ts'
import { render } from '../render.ts'
import { bareShell, isPart, openPage, openShell, zonesOf } from '../shell.ts'

/** A count that takes longer, in milliseconds, is given up: it reads "many" until the page's script has asked. */
const COUNTING_MS = 100
/**
 * Rows come at once, on ten million records too: where counts took longer than this, pages leave theirs to their
 * scripts for a while, so that no search shares the processors with them.
 */
const QUICK_MS = 30
const LEFT_FOR_MS = 60_000
/** More news than this is told as "100+". */
const NEWS_MOST = 100

/** The Audit tab: its table, what came since, its download. */
export function auditPages(deps: PortalDeps) {
  const { db } = deps.store
  const choices = choiceCounts(deps)

  const index: RequestHandler = async (req, res) => {
    const { scope } = auditVisitOf(deps, req)
    const [zones, remembered] = await Promise.all([
      zonesOf(deps, req),
      rememberedBy(deps, scope, { own: req.session.zone }),
    ])
    const form = readAuditForm(req.query, zones, { remembered: remembered.zone })
    await remember(deps, req, { scope, form, before: remembered.kept })
    const searching = search(deps, scope, form)
    // the script of a page that lacks a count asks for it again, and may wait
    const { countWithinMs: deadlineMs = COUNTING_MS } = deps
    const patience = isPart(req) ? {} : { deadlineMs }
    const areLeft = !isPart(req) && choices.areLeft()
    const soon = <T>(counting: Promise<T>): Promise<T | undefined> =>
      isPart(req) ? counting : noLaterThan(searching, deadlineMs, counting)
    const isNarrowed = activeFilters(form).length > 0
    const columns = columnsOf(form, remembered.columnsOf(form.view))
    // beside what else is waited for
    const framing = searching.then(({ found: { records } }) =>
      frameFor(deps, scope, { zone: form.zone, zones, columns, records }),
    )
    const [searched, frame, counts, all, saved, page] = await Promise.all([
      searching,
      framing,
      areLeft ? undefined : soon(choices.count(scope, form.filter, patience)),
      isNarrowed && !areLeft
        ? soon(countRecords(db, scope, everythingIn(form.view), patience))
        : undefined,
      listSavedFilters(db, scope),
      openPage(deps, req, { title: 'Audit', zones }),
    ])
    if (Object.keys(form.mistakes).length > 0) res.status(422)
    const facts = { page, form, ...searched, frame, counts, all, saved }
    await render(res, 'audit/index', presentAudit(facts))
  }

  /** What came since the page was drawn: its script asks now and then, and nothing moves by itself. */
  const news: RequestHandler = async (req, res) => {
    const { scope } = auditVisitOf(deps, req)
    const zones = await zonesOf(deps, req)
    const form = readAuditForm(req.query, zones)
    const { newest } = req.query
    const { records } = await searchRecords(db, scope, form.filter, { size: NEWS_MOST })
    const known =
      typeof newest === 'string' && isUuid(newest)
        ? records.findIndex(({ id }) => id === newest)
        : records.length
    const { page } = isPart(req)
      ? bareShell('New records')
      : await openShell(deps, req, 'New records')
    const count = known === -1 ? NEWS_MOST + 1 : known
    await render(res, 'audit/news', presentNews(page, form, { count, most: NEWS_MOST }))
  }

  return { index, news, download: auditDownload(deps) }
}

/** Those asked for, those this reader looked at last, or those the view comes with. */
function columnsOf(
  { columns, view }: AuditForm,
  remembered: AuditForm['columns'],
): readonly ColumnName[] {
  const usual = AUDIT_VIEWS[view].columns
  const chosen = columns ?? remembered ?? usual
  return chosen === 'default' ? usual : chosen
}

/** Counts choices, and says whether pages leave that to their scripts, as they do for a while after one was slow. */
function choiceCounts({ store, countWithinMs: quickMs = QUICK_MS }: PortalDeps) {
  let leftUntil = 0
  return {
    areLeft: (): boolean => performance.now() < leftUntil,
    count: async (
      scope: AuditUserScope,
      filter: AuditFilter,
      patience: { readonly deadlineMs?: number },
    ): ReturnType<typeof countChoices> => {
      const began = performance.now()
      const counts = await countChoices(store.db, scope, filter, patience)
      const isQuick = counts !== undefined && performance.now() - began <= quickMs
      // a script's own question may take its time, and says nothing of pages
      if (patience.deadlineMs !== undefined && !isQuick) leftUntil = performance.now() + LEFT_FOR_MS
      return counts
    },
  }
}

/** What comes within so many milliseconds of something else; undefined where it does not. */
function noLaterThan<T>(
  other: Promise<unknown>,
  graceMs: number,
  work: Promise<T>,
): Promise<T | undefined> {
  const late = other.then(() => sleep(graceMs, undefined, { ref: false }))
  return Promise.race([work, late])
}

interface Searched {
  readonly found: AuditSearchPage
  readonly tooBroad: boolean
}

/** A search that was given up leaves the form as it is, so that it can be narrowed. */
async function search(
  { store }: PortalDeps,
  scope: AuditUserScope,
  form: AuditForm,
): Promise<Searched> {
  try {
    const found = await searchRecords(store.db, scope, form.filter, { cursor: form.place })
    return { found, tooBroad: false }
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'search_too_broad') throw error
    return { found: { records: [] }, tooBroad: true }
  }
}
