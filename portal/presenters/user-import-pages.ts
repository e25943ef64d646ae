import type { Field, FieldError, Page } from './pieces.ts'

/** views/users/import.ejs; field names: `file`, `csv`. */
export interface ImportPage {
  readonly page: Page
  readonly errors: readonly FieldError[]
  readonly csv: Field
  readonly columns: readonly { readonly name: string; readonly text: string }[]
}

/** views/users/import-preview.ejs; field names: `csv`, `seen`. */
export interface ImportPreviewPage {
  readonly page: Page
  /** Why it was not done when it was confirmed. */
  readonly fault: string | undefined
  readonly counts: readonly (OutcomeTag & { readonly count: string })[]
  readonly wrong: boolean
  /** What the button says; absent: there is nothing to do, or nothing may be done. */
  readonly confirm: string | undefined
  readonly headings: readonly string[]
  readonly rows: readonly ImportRow[]
  readonly csv: Field
  readonly seen: string
}

export interface OutcomeTag {
  /** How its tag looks. */
  readonly name: string
  readonly text: string
}

export interface ImportRow {
  readonly line: string
  readonly outcome: OutcomeTag
  readonly mistake: string | undefined
  readonly cells: readonly ImportCell[]
}

export interface ImportCell {
  readonly heading: string
  readonly text: string
  /** What it replaces; absent: it changes nothing, or adds. */
  readonly before: string | undefined
  readonly mistake: string | undefined
}
