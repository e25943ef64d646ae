/** What the views of extensions take. */
import type { MeaningChoice } from './meanings.ts'
import type {
  Countdown,
  Field,
  FieldError,
  FoldedText,
  Moment,
  Progress,
  RoleApproval,
  ZoneChoice,
} from './pieces.ts'

/** Forms of one who may decide an extension now: approve takes `comment`, deny takes `reason`. */
export interface ExtensionDecision {
  readonly approvalHref: string
  readonly denialHref: string
  /** `Deny more time for session 68`, and what that does. */
  readonly denialLabel: string
  readonly denialHint: string
  /** The roles this person may approve. */
  readonly roles: readonly string[]
  readonly comment: Field
  readonly reason: Field
}

// ---- views/sessions/extension: POST /sessions/:id/extension {minutes | end, justification}

export interface ExtensionSection {
  /** Present for the requester while more time can be asked for. */
  readonly form?:
    | {
        readonly href: string
        readonly errors: readonly FieldError[]
        /** How much can be had now, and which role says so. */
        readonly hint: string
        readonly minutes: Field
        /** The zones that the end may be in. */
        readonly zones: readonly ZoneChoice[]
        readonly end: Field
        /** Present where the end comes twice in its zone. */
        readonly endMeanings?: MeaningChoice | undefined
        readonly justification: Field
      }
    | undefined
  /** Why the requester can't ask now, or from when on. */
  readonly closed?: string | undefined
  /** The one that waits for its approvers. */
  readonly open?:
    | {
        readonly id: string
        readonly newEnd: Moment
        readonly justification: FoldedText
        readonly progress: Progress
        readonly roles: readonly RoleApproval[]
        readonly decision?: ExtensionDecision | undefined
        /** Present for the requester. */
        readonly cancelHref?: string | undefined
      }
    | undefined
  /** What the data source does not know yet. */
  readonly note?: string | undefined
  /** Empty where nothing failed. */
  readonly noteTone: 'warn' | ''
  /** Those that are closed, oldest first: `Until 14:30: denied: not today`. */
  readonly past: readonly string[]
}

// ---- views/approvals/index

export interface ExtensionRow {
  readonly id: string
  readonly sessionId: string
  readonly href: string
  readonly requester: string
  readonly dataSource: string
  readonly justification: FoldedText
  /** What the session itself was asked for. */
  readonly sessionJustification: FoldedText
  readonly roles: readonly RoleApproval[]
  readonly progress: Progress
  readonly oldEnd: Moment
  readonly newEnd: Moment
  /** How much longer: `30 min`. */
  readonly length: string
  /** `4 min ago`. */
  readonly age: string
  readonly requested: Moment
  readonly countdown?: Countdown | undefined
  readonly decision: ExtensionDecision
}
