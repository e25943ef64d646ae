/** What the views of alerts and of their rules take. */
import type { Choice, Empty, FieldError, Link, Moment, Page, Pager } from './pieces.ts'

// ---- views/alerts/index

export interface AlertRow {
  readonly id: string
  /** The rule as programs name it. */
  readonly rule: string
  /** The rule in plain words. */
  readonly title: string
  readonly detail: string
  readonly raised: Moment
  /** `3 min`: how long it lasted, or has lasted so far. */
  readonly lasted: string
  /** Absent while it is open. */
  readonly resolved?: Moment | undefined
  readonly session?: Link | undefined
  readonly dataSource?: string | undefined
}

export interface AlertsPage {
  readonly page: Page
  readonly open: readonly AlertRow[]
  /** `1 alert is open`, `More than 50 are open`. */
  readonly openText: string
  readonly empty: Empty
  readonly resolved: readonly AlertRow[]
  readonly pager?: Pager | undefined
  /** Rules that nobody is told of, in plain words. */
  readonly off: readonly string[]
}

// ---- views/alerts/rules: POST /alerts/rules {rule, enabled, afterSeconds, mailed, group}

export interface AlertRuleRow {
  readonly rule: string
  readonly title: string
  /** `on, after 10 s, mailed to every admin`. */
  readonly text: string
  readonly enabled: boolean
  /** What raises it, in a sentence. */
  readonly about: string
  /** Absent for those who may not change it. */
  readonly form?:
    | {
        readonly opened: boolean
        readonly enabled: boolean
        readonly mailed: boolean
        /** Absent where the rule knows no delay. */
        readonly afterSeconds?: { readonly value: string; readonly error?: string | undefined }
        readonly groups: readonly Choice[]
        readonly groupError?: string | undefined
      }
    | undefined
}

export interface AlertRulesPage {
  readonly page: Page
  readonly errors: readonly FieldError[]
  readonly rows: readonly AlertRuleRow[]
}
