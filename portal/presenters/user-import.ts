import type { FieldMistakes } from '../errors.ts'
import { summaryOf } from '../forms/fields.ts'
import type { Shell } from '../shell.ts'
import { COLUMNS } from '../user-import/columns.ts'
import type { ImportPlan, Outcome, PlannedCell, PlannedLine } from '../user-import/plan.ts'
import { counted } from './counted.ts'
import type { ImportCell, ImportPage, ImportPreviewPage, ImportRow } from './user-import-pages.ts'
import { visible } from './visible.ts'

/** The form that takes a file or its text. */
export function presentImport(
  { page }: Shell,
  { csv, mistakes }: { readonly csv: string; readonly mistakes: FieldMistakes },
): ImportPage {
  return {
    page,
    errors: summaryOf(mistakes),
    csv: { value: csv, error: mistakes['csv'] },
    columns: COLUMNS.map(({ heading, field }) => ({ name: heading, text: MEANINGS[field] })),
  }
}

const MEANINGS: Readonly<Record<(typeof COLUMNS)[number]['field'], string>> = {
  username: 'who the line is of; there or new',
  displayName: 'a new user without one is called by the username',
  email: 'an address, or none',
  portalUser: 'yes or no; a new user is one unless it says no',
  auditUser: 'yes or no',
  mayEndSignIns: 'yes or no',
  managementPrivilege: 'None, Read Only or Admin',
  expiresAt: 'a day such as 2027-01-31, a time with it, or never',
}

/** What a file would do, to be looked at before it is done. */
export function presentImportPreview(
  { page }: Shell,
  {
    plan,
    csv,
    fault,
  }: { readonly plan: ImportPlan; readonly csv: string; readonly fault?: string },
): ImportPreviewPage {
  const { add, change, wrong } = plan.counts
  const work = [
    ...(add > 0 ? [`add ${counted(add, 'user')}`] : []),
    ...(change > 0 ? [`change ${counted(change, 'user')}`] : []),
  ]
  return {
    page,
    fault,
    counts: (['add', 'change', 'same', 'wrong'] as const).map((outcome) => ({
      ...OUTCOMES[outcome],
      count: plan.counts[outcome].toLocaleString('en'),
    })),
    wrong: wrong > 0,
    confirm: wrong === 0 && work.length > 0 ? `Import: ${work.join(', ')}` : undefined,
    headings: plan.columns.map(({ heading }) => heading),
    rows: plan.lines.map(presentLine),
    csv: { value: csv },
    seen: plan.digest,
  }
}

const OUTCOMES: Readonly<Record<Outcome, { readonly name: string; readonly text: string }>> = {
  add: { name: 'ok', text: 'add' },
  change: { name: 'warning', text: 'change' },
  same: { name: 'same', text: 'same' },
  wrong: { name: 'refused', text: 'wrong' },
}

function presentLine({ line, outcome, cells, mistake }: PlannedLine): ImportRow {
  return {
    line: String(line),
    outcome: OUTCOMES[outcome],
    mistake: mistake && visible(mistake),
    cells: cells.map(presentCell),
  }
}

function presentCell({ column, text, before, mistake }: PlannedCell): ImportCell {
  return {
    heading: column.heading,
    text: visible(text),
    before: before === undefined ? undefined : visible(before),
    mistake: mistake && visible(mistake),
  }
}
