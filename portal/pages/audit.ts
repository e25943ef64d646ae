import { setTimeout as sleep } from 'node:timers/promises'
import type { RequestHandler } from 'express'
import type { AuditUserScope } from '../../db/audit-filter.ts'
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
import { AUDIT_VIEWS, everythingIn } from '../presenters/audit-views.ts'
import { render } from '../render.ts'
import { bareShell, isPart, openPage, openShell, zonesOf } from '../shell.ts'

/** A count that takes longer, in milliseconds, is given up: it reads "many" until the page's script has asked. */
const COUNTING_MS = 100
/** Rows come at once, on ten million records too: where the last counts took longer, a page hardly waits for its own. */
const QUICK_MS = 30
const HARDLY_MS = 5
/** More news than this is told as "100+". */
const NEWS_MOST = 100

/** The Audit tab: its table, what came since, its download. */
export function auditPages(deps: PortalDeps) {
  const { db } = deps.store
  let areCountsQuick = true

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
    const { countWithinMs: deadlineMs = COUNTING_MS, countWithinMs: quickMs = QUICK_MS } = deps
    const patience = isPart(req) ? {} : { deadlineMs }
    const graceMs = areCountsQuick ? deadlineMs : HARDLY_MS
    const began = performance.now()
    const soon = <T>(counting: Promise<T>): Promise<T | undefined> =>
      isPart(req) ? counting : noLaterThan(searching, graceMs, counting)
    const counting = countChoices(db, scope, form.filter, patience).then((counts) => {
      const took = performance.now() - began
      if (!isPart(req)) areCountsQuick = counts !== undefined && took <= quickMs
      return counts
    })
    const isNarrowed = activeFilters(form).length > 0
    const [searched, counts, all, saved, page] = await Promise.all([
      searching,
      soon(counting),
      isNarrowed ? soon(countRecords(db, scope, everythingIn(form.view), patience)) : undefined,
      listSavedFilters(db, scope),
      openPage(deps, req, { title: 'Audit', zones }),
    ])
    const usual = AUDIT_VIEWS[form.view].columns
    const chosen = form.columns ?? remembered.columnsOf(form.view) ?? usual
    const columns = chosen === 'default' ? usual : chosen
    const { zone } = form
    const { records } = searched.found
    const frame = await frameFor(deps, scope, { zone, zones, columns, records })
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
