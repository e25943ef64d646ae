import { pipeline } from 'node:stream/promises'
import type { Request, RequestHandler, Response } from 'express'
import { DateTime } from 'luxon'
import { withRecords, type RecordsOpened } from '../db/audit-download.ts'
import type { AuditFilter } from '../db/audit-filter.ts'
import { appendRecord } from '../db/audit-log.ts'
import type { AuditRecord } from '../db/audit-record.ts'
import type { Origin } from '../db/scope.ts'
import { getTimeZone } from '../db/settings.ts'
import { storeTime } from '../db/store.ts'
import { auditVisitOf } from './auditor.ts'
import { csvFile, csvOf } from './csv.ts'
import type { PortalDeps } from './deps.ts'
import { runDownload, watchReader } from './downloads.ts'
import { InvalidRequest } from './errors.ts'
import { readAuditForm, readDownloadChoice, type DownloadFormat } from './forms/audit-filter.ts'
import { auditColumns } from './presenters/audit-columns.ts'
import { fileName, headLines, jsonLines, textFile, type FileHead } from './presenters/audit-file.ts'
import { activeFilters, filtersInWords, unfiltered } from './presenters/audit-query.ts'
import type { AuditViewName } from './presenters/audit-views.ts'
import { timeColumn } from './presenters/zones.ts'

/** What a download is of, once the query was read. */
interface DownloadPlan {
  readonly format: DownloadFormat
  readonly includeFilters: boolean
  /** Said in the file itself. */
  readonly hasHead: boolean
  readonly view: AuditViewName
  readonly filter: AuditFilter
  /** In words, and by name: the words may hold private values. */
  readonly filters: string
  readonly filterNames: readonly string[]
}

/**
 * GET /audit/download, for the page and the API alike: records as text, CSV or JSON lines, streamed
 * to their end whatever their number. HEAD takes nothing away, so it is no record. Errors: `invalid_request`, `too_many_downloads`, `not_found`.
 */
export function auditDownload(deps: PortalDeps): RequestHandler {
  return async (req, res) => {
    const { scope, origin } = auditVisitOf(deps, req)
    const zone = await getTimeZone(deps.store.db)
    const plan = readPlan(req, zone)
    if (req.method === 'HEAD') return void res.set('content-type', TYPES[plan.format].type).end()
    await runDownload(deps, req, res, () =>
      withRecords(deps.store, { scope, filter: plan.filter }, async (opened) => {
        const { name: by } = origin.actor
        const head: FileHead = {
          by,
          at: DateTime.utc(),
          zone,
          filters: plan.filters,
          count: opened.count,
        }
        await recordDownload(deps, origin, plan, opened.count)
        announce(res, plan, head)
        await send(res, { plan, head, opened })
      }),
    )
  }
}

function readPlan(req: Request, central: string): DownloadPlan {
  const { format, includeFilters, head, mistakes } = readDownloadChoice(req.query)
  const form = readAuditForm(req.query, { central })
  const wrong = { ...mistakes, ...(includeFilters ? form.mistakes : {}) }
  if (Object.keys(wrong).length > 0) throw new InvalidRequest(wrong)
  // a file is in Central Manager's zone, and so are the times its head names
  const inZone = { ...form, zone: { choice: 'central', name: central } }
  const selection = includeFilters ? inZone : unfiltered(inZone)
  const { filter } = selection
  return {
    format,
    includeFilters,
    hasHead: head || format === 'text',
    view: form.view,
    filter,
    filters: filtersInWords(selection),
    filterNames: activeFilters(selection).map(({ name }) => name),
  }
}

/** Written before the first byte leaves: what was taken is known even if the reader breaks off. */
function recordDownload(
  { store }: PortalDeps,
  origin: Origin,
  plan: DownloadPlan,
  count: number,
): Promise<void> {
  return store.change(async (tx) =>
    appendRecord(tx, origin, await storeTime(tx), {
      action: 'audit.downloaded',
      area: 'audit',
      outcome: 'ok',
      reason: `Filters: ${plan.filters}`,
      details: {
        format: plan.format,
        include_filters: String(plan.includeFilters),
        filters: [...new Set(plan.filterNames)].join(' '),
        rows: String(count),
        view: plan.view,
      },
    }),
  )
}

const TYPES: Readonly<
  Record<DownloadFormat, { readonly type: string; readonly extension: string }>
> = {
  text: { type: 'text/plain; charset=utf-8', extension: 'txt' },
  csv: { type: 'text/csv; charset=utf-8; header=present', extension: 'csv' },
  jsonl: { type: 'application/jsonl; charset=utf-8', extension: 'jsonl' },
}

/** The head of the file stands in headers too: programs expect CSV and JSON lines to begin with records. */
function announce(res: Response, { format, hasHead }: DownloadPlan, head: FileHead): void {
  const { type, extension } = TYPES[format]
  res.set({
    'content-type': hasHead ? type.replace('header=present', 'header=absent') : type,
    'content-disposition': `attachment; filename="${fileName(head, extension)}"`,
    'daypass-downloaded-by': head.by,
    'daypass-downloaded-at': head.at.toISO(),
    'daypass-time-zone': head.zone,
    'daypass-filters': encodeURIComponent(head.filters),
    'daypass-records': String(head.count),
  })
}

interface Sending {
  readonly plan: DownloadPlan
  readonly head: FileHead
  readonly opened: RecordsOpened
}

async function send(res: Response, { plan, head, opened }: Sending): Promise<void> {
  const { format, hasHead } = plan
  const { records } = opened
  const columns = auditColumns(timeColumn(head.zone, head.at))
  watchReader(res)
  if (format === 'csv') {
    const said = hasHead ? headLines(head) : []
    await pipeline(oneByOne(records), csvOf<AuditRecord>(columns), csvFile(said), res)
  } else if (format === 'text') {
    await pipeline(textFile(records, head, columns), res)
  } else {
    await pipeline(jsonLines(records, hasHead ? head : undefined), res)
  }
}

async function* oneByOne(
  batches: RecordsOpened['records'],
): AsyncGenerator<AuditRecord, void, undefined> {
  for await (const batch of batches) yield* batch
}
