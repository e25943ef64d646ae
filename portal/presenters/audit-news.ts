import type { AuditSelection } from '../forms/audit-filter.ts'
import type { AuditNewsPage } from './audit-pages.ts'
import { auditHref, queryPairs } from './audit-query.ts'
import { grouped } from './audit-filters.ts'
import type { Page } from './pieces.ts'

/** How many records came since, with the way to them; `most` of them were looked at. */
export function presentNews(
  page: Page,
  form: AuditSelection,
  { count, most }: { readonly count: number; readonly most: number },
): AuditNewsPage {
  const number = count > most ? `${grouped(most)}+` : grouped(count)
  const label = count === 1 ? '1 new record' : `${number} new records`
  return { page, link: count === 0 ? undefined : { href: auditHref(queryPairs(form)), label } }
}
