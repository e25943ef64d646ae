/** What the views of approvals take. */
import type { ExtensionRow } from './extension-pages.ts'
import type {
  Countdown,
  Empty,
  FoldedText,
  Link,
  Moment,
  Page,
  Progress,
  RoleApproval,
} from './pieces.ts'
import type { Decision } from './session-pages.ts'

// ---- views/approvals/index

/** What an approver should notice: one word, and the fact behind it. */
export interface RequestTag {
  readonly name: 'dangerous role' | 'long' | 'off-hours'
  readonly text: string
  readonly tone: 'danger' | 'warn'
}

export interface ApprovalRow {
  readonly id: string
  readonly href: string
  readonly requester: string
  readonly dataSource: string
  readonly roles: readonly RoleApproval[]
  readonly tags: readonly RequestTag[]
  readonly progress: Progress
  readonly justification: FoldedText
  readonly start?: Moment | undefined
  readonly end?: Moment | undefined
  readonly windowText?: string | undefined
  /** How long it lasts: `30 min`. */
  readonly length: string
  /** `4 min ago`. */
  readonly age: string
  readonly requested: Moment
  readonly countdown?: Countdown | undefined
  readonly decision: Decision
}

export interface ApprovalsPage {
  readonly page: Page
  /** The first card, for who has just decided another one. */
  readonly next?: Link | undefined
  readonly rows: readonly ApprovalRow[]
  /** More time asked for sessions under way. */
  readonly extensions: readonly (ExtensionRow & { readonly tags: readonly RequestTag[] })[]
  readonly empty: Empty
}
