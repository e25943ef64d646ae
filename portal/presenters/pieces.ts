/** Pieces of a page that several views share; see pages.ts for the rules they follow. */

export type StateName =
  'CREATED' | 'APPROVED' | 'GRANTED' | 'DENIED' | 'EXPIRED' | 'CANCELED' | 'TERMINATED'

export interface Link {
  readonly href: string
  readonly label: string
}

export interface NavItem extends Link {
  readonly current: boolean
  /** Things that wait for this person, such as approvals; 0 or absent shows nothing. */
  readonly count?: number | undefined
  /** What the count counts, for those who only hear it; absent: `waiting`. */
  readonly counted?: string | undefined
  /** Pages that stand together under this entry; absent: it is a page of its own. */
  readonly pages?: readonly NavItem[] | undefined
}

export interface Page {
  readonly title: string
  /** Folder URL of portal/public without the last slash, such as `/assets`. */
  readonly assets: string
  readonly theme: 'auto' | 'light' | 'dark'
  /** Absent before sign-in; the head then shows neither navigation nor sign-out. */
  readonly person?:
    | { readonly username: string; readonly displayName: string; readonly flags: readonly string[] }
    | undefined
  readonly nav: readonly NavItem[]
  /** True where the open page is one of several under an entry, which are shown below it. */
  readonly subnav: boolean
  readonly csrfToken: string
  readonly flash?: { readonly kind: 'ok' | 'error'; readonly text: string } | undefined
  /** Own sessions that end soon. */
  readonly reminders: readonly Reminder[]
  /** Foot of the page: Central Manager's zone, `Europe/Warsaw, UTC +1`, and the product's version. */
  readonly zone: string
  readonly version: string
}

/** A session of the reader's that ends within minutes; the last one is told as an error is. */
export interface Reminder extends Link {
  readonly countdown: Countdown
  readonly tone: 'warn' | 'error'
}

/** An instant: `iso` is UTC for machines, `text` is Central Manager's zone with its offset. */
export interface Moment {
  readonly iso: string
  readonly text: string
  /** The same instant in the person's own zone when known and different, else in UTC. */
  readonly also?: string | undefined
}

/** A number that runs down; the script keeps it true, without it the text stands as written. */
export interface Countdown {
  /** UTC instant it runs to. */
  readonly until: string
  /** `ends in`, `starts in`, `request lapses in`; empty where `text` says it all. */
  readonly before: string
  /** What the whole says once the instant has come: `opening now…`. */
  readonly due?: string | undefined
  /** `24 min`, `3 h 05 min`. */
  readonly text: string
  /** Whole per cent of the window that has passed; drawn as a bar when present. */
  readonly passed?: number | undefined
  /** UTC instant that the bar begins at; the script keeps it true, too. */
  readonly from?: string | undefined
}

/** A text that may be long: `rest` is empty where all of it is seen at once. */
export interface FoldedText {
  readonly beginning: string
  readonly rest: string
  /** `The rest, 1,204 characters more`; empty where nothing is folded. */
  readonly restText: string
}

export interface State {
  readonly name: StateName
  /** Plain words: `waits for approvals`, `you can log in now`. */
  readonly gloss: string
}

/** Approvals in hand of approvals needed, summed over the roles; or time used of a window that is over. */
export interface Progress {
  readonly of: 'approvals' | 'window'
  readonly done: number
  readonly needed: number
  /** `1 of 2 approvals`, `12 min of 30 min used`. */
  readonly text: string
}

/** One role of a request or an extension, with its votes. */
export interface RoleApproval {
  readonly name: string
  /** What the role is for; may be empty. */
  readonly description: string
  /** Absent where the session ended before anybody decided the role. */
  readonly state?: 'PENDING' | 'APPROVED' | 'DENIED' | undefined
  /** Waits for the reader's own vote. */
  readonly isMine: boolean
  /** `1 of 1 approvals`, `approved at once`, `never decided`. */
  readonly text: string
  /** Who may still decide: `waits for john or admin`. */
  readonly waits?: string | undefined
  readonly votes: readonly {
    readonly by: string
    readonly verb: string
    readonly at: Moment
    /** The same in UTC where `at` says neither: `2026-11-23 09:04:00 UTC`. */
    readonly utc?: string | undefined
    readonly comment?: string | undefined
  }[]
  /** What preflight found dangerous, shown to whoever decides. */
  readonly dangers: readonly string[]
}

export interface Field {
  readonly value: string
  /** One sentence that says how to mend it. */
  readonly error?: string | undefined
}

/** One line of the summary above a form; `field` is the input's name, which is also its id. */
export interface FieldError {
  readonly field: string
  readonly text: string
}

export interface Choice {
  readonly value: string
  readonly label: string
  readonly chosen: boolean
  /** Why it can't be chosen; a choice with a reason is disabled and shows it. */
  readonly refused?: string | undefined
  readonly hint?: string | undefined
  readonly count?: string | undefined
}

/** A button that posts to a resource. */
export interface Action extends Link {
  readonly tone: 'plain' | 'primary' | 'danger'
  /** Asks for a sentence first (field `reason`). */
  readonly needsReason?: boolean | undefined
  /** Offers to say why, and does it without, too. */
  readonly takesReason?: boolean | undefined
  /** What the button below the reason says; absent: the label again. */
  readonly confirm?: string | undefined
  /** What posting it does, in a sentence beside the reason. */
  readonly hint?: string | undefined
  /** Posted beside the token, such as `{ name: 'flag', value: 'Admin' }`. */
  readonly fields?: readonly { readonly name: string; readonly value: string }[] | undefined
}

/** What to say where nothing is yet: a heading, one sentence, how one comes by it, and the thing to do next. */
export interface Empty {
  readonly heading: string
  readonly text: string
  /** Its few steps in order. */
  readonly steps?: readonly { readonly name: string; readonly text: string }[] | undefined
  readonly action?: Link | undefined
}

/** Field names: `zone`. The browser's zone is known once the script or the person has said it. */
export interface ZoneChoice {
  /** `central`, `utc`, or an IANA name; empty for `local` while the browser's zone is unknown. */
  readonly value: string
  readonly kind: 'central' | 'local' | 'utc'
  /** `Central Manager`, `Local Timezone`, `UTC`. */
  readonly label: string
  readonly chosen: boolean
  /** `UTC +1`, `Europe/Warsaw, UTC +1`. */
  readonly hint?: string | undefined
}

export interface Pager {
  readonly newer?: string | undefined
  readonly older?: string | undefined
  /** Back to the first page, where there is no way to the page before. */
  readonly newest?: string | undefined
  /** `Records 101 to 200 of 10,000+`. */
  readonly text: string
}
