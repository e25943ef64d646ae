/** What the views of sessions and their history take. */
import type { ExtensionSection } from './extension-pages.ts'
import type { MeaningChoice } from './meanings.ts'
import type { ConnectionsSection, RunningSection, StatementsSection } from './recording-pages.ts'
import type { ResidueCard } from './residue.ts'
import type {
  Action,
  Choice,
  Countdown,
  Empty,
  Field,
  FieldError,
  FoldedText,
  Moment,
  NavItem,
  Page,
  Pager,
  Progress,
  RoleApproval,
  State,
  StateName,
  ZoneChoice,
} from './pieces.ts'

// ---- views/sessions/index, views/history/index

export interface SessionRow {
  readonly id: string
  readonly href: string
  readonly state: State
  readonly isMine: boolean
  readonly requester: string
  readonly dataSource: string
  readonly roles: readonly string[]
  readonly start?: Moment | undefined
  readonly end?: Moment | undefined
  /** What stands in for a start not chosen yet: `from approval, for 30 min`. */
  readonly windowText?: string | undefined
  readonly progress?: Progress | undefined
  readonly countdown?: Countdown | undefined
  /** For the history: `Ended 2026-11-23 10:04:00 UTC`, `canceled by mark: done`. */
  readonly ending?: { readonly at: string; readonly how: string } | undefined
  readonly justification: string
  /** Its requester took it out of the lists. */
  readonly isHidden: boolean
  /** The form, filled as it was for this session: for its requester, once it is over. */
  readonly againHref?: string | undefined
  readonly actions: readonly Action[]
}

export interface SessionGroup {
  /** `Open now`, `Approved, waiting for its start`, `Waiting for approvals`. */
  readonly heading: string
  readonly gloss: string
  readonly rows: readonly SessionRow[]
}

export interface SessionsPage {
  readonly page: Page
  /** Groups without rows are left out; no groups at all shows `empty`. */
  readonly groups: readonly SessionGroup[]
  readonly empty: Empty
  /** `All`, `Mine`, as links, the current one marked. */
  readonly views: readonly NavItem[]
  readonly requestHref?: string | undefined
  /** Where more are under way than the page shows. */
  readonly more?: string | undefined
  /** Terminate all: admins only. */
  readonly terminateAll?: ReasonForm | undefined
}

export interface HistoryPage {
  readonly page: Page
  readonly rows: readonly SessionRow[]
  readonly empty: Empty
  readonly views: readonly NavItem[]
  /** The box "Show deleted", with the fields that its form carries along. */
  readonly deleted: {
    readonly shown: boolean
    readonly carried: readonly { readonly name: string; readonly value: string }[]
  }
  readonly pager?: Pager | undefined
}

// ---- views/sessions/fresh: GET /sessions/new?dataSource=, POST /sessions, POST /sessions/preview
// Posted: dataSource, roles (repeated), when (now | later | approval), zone, start, length
// (minutes | end), minutes, end, ttlMinutes, justification. `start` and `end` are `YYYY-MM-DDTHH:mm`, read in
// `zone`. POST /sessions/preview takes the same and answers this page with `preview` filled.

export interface RoleChoice extends Choice {
  /** `Approved by john`, `Approved at once`, `No approvers found`. */
  readonly approvers: string
  /** `1 approval needed`, `no approval needed`. */
  readonly needed: string
  /** `up to 60 min`. */
  readonly longest: string
  readonly maximumMinutes: number
}

export interface RoleGroup {
  readonly heading: string
  readonly roles: readonly RoleChoice[]
}

export interface WindowPreview {
  readonly start?: Moment | undefined
  readonly end?: Moment | undefined
  readonly length: string
  /** `role1 allows at most 60 min, the least of the roles chosen`. */
  readonly boundBy?: string | undefined
  /** When the request dies without its approvals. */
  readonly lapses: Moment
  readonly approvals: readonly { readonly role: string; readonly text: string }[]
}

export interface FreshSessionPage {
  readonly page: Page
  readonly errors: readonly FieldError[]
  readonly dataSources: readonly Choice[]
  /** Shown instead of the form when there is no data source one may ask for. */
  readonly empty?: Empty | undefined
  readonly dataSourceError?: string | undefined
  /** Empty until a data source is chosen. */
  readonly roleGroups: readonly RoleGroup[]
  readonly rolesError?: string | undefined
  readonly when: 'now' | 'later' | 'approval'
  readonly length: 'minutes' | 'end'
  readonly start: Field
  readonly end: Field
  /** Present where the start or the end comes twice in its zone. */
  readonly startMeanings?: MeaningChoice | undefined
  readonly endMeanings?: MeaningChoice | undefined
  /** The placeholder says what an empty field means: `default 30`. */
  readonly minutes: Field & { readonly placeholder?: string | undefined }
  readonly ttlMinutes: Field
  readonly justification: Field & { readonly longest: number; readonly hint?: string | undefined }
  readonly zones: readonly ZoneChoice[]
  readonly preview?: WindowPreview | undefined
}

// ---- views/sessions/show: POST /sessions/:id/{approval,denial,cancellation,termination,credential}

/** Shown once, in the answer to the POST that made it; never kept, never in a URL. */
export interface Credential {
  readonly host: string
  readonly port: string
  readonly database: string
  readonly username: string
  readonly password: string
  readonly url: string
  /** A line to paste: `PGPASSWORD=... psql "host=... "`. */
  readonly psql: string
}

export interface TimelineEntry {
  readonly recordId: string
  readonly href?: string | undefined
  readonly at: Moment
  /** The state reached, or the action for records that are not states. */
  readonly state?: StateName | undefined
  readonly scope: 'session' | 'role'
  /** `john approved role1`, `The session user was created`. */
  readonly text: string
  /** One line, and the rest behind it. */
  readonly detail?: FoldedText | undefined
}

/** What happened, oldest first; the middle of a long story is folded. */
export interface Timeline {
  readonly first: readonly TimelineEntry[]
  readonly folded: readonly TimelineEntry[]
  /** `32 more in between` */
  readonly foldedText: string
  readonly last: readonly TimelineEntry[]
}

/** What the page tells of the database user. */
export interface SessionUser {
  readonly sentence: string
  /** Absent until it is made. */
  readonly name?: string | undefined
  /** Its roles on the data source. */
  readonly roles: readonly string[]
  /** `Member of`, `Will be member of` */
  readonly rolesLabel: string
  readonly made?: Moment | undefined
  readonly ended?: Moment | undefined
  readonly removed?: Moment | undefined
}

/** A form that takes one sentence; `error` and `value` come back when it was refused. */
export interface ReasonForm extends Field {
  readonly href: string
  /** What it does to what: `Terminate session 68`. */
  readonly label: string
  /** What posting it does. */
  readonly hint: string
}

/** How a session ended. */
export interface SessionOutcome {
  /** `Denied`, `Canceled`, `Terminated`, `Expired`. */
  readonly label: string
  /** Absent where time alone ended it. */
  readonly by?: string | undefined
  /** The roles that were denied. */
  readonly roles: readonly string[]
  readonly at?: Moment | undefined
  readonly reason?: FoldedText | undefined
}

export interface SessionPage {
  readonly page: Page
  readonly id: string
  readonly uuid: string
  readonly state: State
  /** One sentence that tells where the story stands. */
  readonly headline: string
  readonly isMine: boolean
  readonly requester: string
  readonly dataSource: string
  readonly roleNames: readonly string[]
  /** The roles that still wait, each with who may decide. */
  readonly awaited: readonly { readonly role: string; readonly who: string }[]
  /** Absent while it is under way. */
  readonly outcome?: SessionOutcome | undefined
  readonly username: string
  readonly justification: FoldedText
  readonly requested: Moment
  readonly start?: Moment | undefined
  readonly end?: Moment | undefined
  /** `Planned end` of what may end, or ended, before it; else `End`. */
  readonly endLabel: string
  readonly length: string
  readonly windowText?: string | undefined
  /** When the request dies without its approvals, while it waits for them. */
  readonly lapses?: Moment | undefined
  readonly countdown?: Countdown | undefined
  readonly progress?: Progress | undefined
  /** What has become of the session user; it is due while it is not done. */
  readonly removal?: { readonly text: string; readonly isDue: boolean } | undefined
  /** The policy it was asked under, with its page for those who may read it. */
  readonly policy?: { readonly text: string; readonly href?: string | undefined } | undefined
  /** Its time is over and its user is not shut out. */
  readonly alarm: string | undefined
  readonly warnings: readonly string[]
  readonly roles: readonly RoleApproval[]
  /** Present for the requester while GRANTED. */
  readonly connection?:
    | {
        readonly address: string
        readonly username: string
        readonly databases: string
        readonly credentialHref: string
        /** `The last credential was made at 14:02; a new one ends it.` */
        readonly note: string
      }
    | undefined
  readonly credential?: Credential | undefined
  readonly decision?: Decision | undefined
  /** Its requester may cancel it, an admin terminate it; absent once it is over. */
  readonly ending?: (ReasonForm & { readonly id: string; readonly required: boolean }) | undefined
  readonly extension?: ExtensionSection | undefined
  /** For the requester of a session that is over: the same again, at once or after changing it. */
  readonly again?:
    | {
        readonly href: string
        readonly changeHref: string
        /** It is out of the lists. */
        readonly isHidden: boolean
        readonly hiding?: Action | undefined
      }
    | undefined
  /** Absent for a session that was never granted, and while it is open. */
  readonly residue?: ResidueCard | undefined
  readonly timeline: Timeline
  /** The database user of the session, from nothing to nothing. */
  readonly user: SessionUser
  /** Absent where nobody connected, and for those who may not read the recording. */
  readonly connections?: ConnectionsSection | undefined
  readonly statements: StatementsSection
  /** Present while the session is granted, for those who may read its recording. */
  readonly running?: RunningSection | undefined
}

/** Forms of one who may decide now: approve takes `comment` (and `roles`), deny takes `reason`. */
export interface Decision {
  readonly approvalHref: string
  readonly denialHref: string
  /** `Deny session 68`, and what that does. */
  readonly denialLabel: string
  readonly denialHint: string
  /** The roles this person may approve; an approval is of all of them. */
  readonly roles: readonly string[]
  /** The same as they are shown. */
  readonly labels: readonly string[]
  readonly comment: Field
  readonly reason: Field
}
