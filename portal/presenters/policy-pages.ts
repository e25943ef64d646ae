/** What the views of the policy and of groups take. */
import type { Action, Choice, Empty, Field, FieldError, Link, Moment, Page } from './pieces.ts'

/** One finding of lint, with the page that mends it for those who may. */
export interface WarningLine {
  readonly severity: 'warning' | 'info'
  readonly text: string
  readonly mend?: Link | undefined
}

/** A change that waits for a second admin. */
export interface ProposalCard {
  readonly id: string
  readonly summary: string
  readonly by: string
  readonly at: Moment
  /** Who may decide it, in a sentence. */
  readonly note: string
  readonly actions: readonly Action[]
}

/** One role with all that decides who gets it. */
export interface PolicyRow {
  readonly id: string
  readonly role: string
  readonly href?: string | undefined
  readonly dataSource: string
  readonly databaseRole: string
  readonly group: string
  readonly approvers: string
  readonly needed: string
  readonly times: string
  readonly flags: readonly string[]
  readonly justification: string
}

export interface VersionLine {
  readonly number: string
  readonly href: string
  readonly at: Moment
  readonly by: string
  readonly summary: string
}

// ---- views/policy/index

export interface PolicyPage {
  readonly page: Page
  readonly version: string
  readonly changed?: VersionLine | undefined
  readonly warnings: readonly WarningLine[]
  readonly proposals: readonly ProposalCard[]
  readonly rows: readonly PolicyRow[]
  readonly empty: Empty
  readonly globalRule: string
  readonly globalHref?: string | undefined
  /** How long a request that counts from approval waits at most. */
  readonly requestLife: string
  readonly requestLifeHref?: string | undefined
  /** `kept for ever`, `kept for 6 months`. */
  readonly recordings: string
  readonly recordingsHref?: string | undefined
  readonly versions: readonly VersionLine[]
  readonly olderHref?: string | undefined
}

// ---- views/policy/version

export interface PolicyDifference {
  readonly thing: string
  readonly field: string
  /** Absent: there was nothing. */
  readonly before?: string | undefined
  readonly after?: string | undefined
}

export interface PolicyVersionPage {
  readonly page: Page
  readonly line: VersionLine
  readonly note: string
  readonly differences: readonly PolicyDifference[]
  readonly rows: readonly PolicyRow[]
  readonly globalRule: string
  readonly requestLife: string
  readonly recordings: string
  readonly older?: Link | undefined
  readonly newer?: Link | undefined
}

/** A rule with a box to try it; `trial.said` is absent until it was tried. */
export interface RuleFields {
  readonly pattern: Field
  readonly message: Field
  readonly trialHref: string
  readonly trial: {
    readonly text: string
    readonly said?: { readonly fits: boolean; readonly text: string } | undefined
  }
}

// ---- views/policy/justification: POST /policy/justification
// {policyVersion, justificationPattern, justificationMessage, trial}

export interface JustificationPage {
  readonly page: Page
  readonly errors: readonly FieldError[]
  readonly version: string
  readonly rule: RuleFields
}

// ---- views/policy/request-life: POST /policy/request-life {policyVersion, minutes}

export interface RequestLifePage {
  readonly page: Page
  readonly errors: readonly FieldError[]
  readonly version: string
  readonly minutes: Field
  /** The time in force, in words. */
  readonly now: string
}

// ---- views/policy/recordings: POST /policy/recordings {policyVersion, months}

export interface RetentionPage {
  readonly page: Page
  readonly errors: readonly FieldError[]
  readonly version: string
  /** Empty: for ever. */
  readonly months: Field
  readonly most: number
  /** What is in force, in words. */
  readonly now: string
}

// ---- views/data-sources/policy: POST /data-sources/:id/policy
// {policyVersion, rule, justificationPattern, justificationMessage, trial, offered}

export interface SourcePolicyPage {
  readonly page: Page
  readonly errors: readonly FieldError[]
  readonly version: string
  readonly name: string
  readonly href: string
  readonly warnings: readonly WarningLine[]
  readonly kinds: readonly Choice[]
  readonly kindError?: string | undefined
  readonly rule: RuleFields
  readonly offered: readonly Choice[]
}

// ---- views/roles/policy: POST /roles/:id/policy
// {policyVersion, description, group, approvalsNeeded, defaultMinutes, maximumMinutes, dangerous, offered}

export interface RolePolicyPage {
  readonly page: Page
  readonly errors: readonly FieldError[]
  readonly version: string
  readonly name: string
  readonly href: string
  readonly dataSource: string
  readonly databaseRole: string
  readonly warnings: readonly WarningLine[]
  readonly proposal?: ProposalCard | undefined
  readonly description: Field
  readonly groups: readonly Choice[]
  readonly groupError?: string | undefined
  readonly approvalsNeeded: Field
  readonly defaultMinutes: Field
  readonly maximumMinutes: Field
  readonly dangerous: readonly Choice[]
  readonly offered: readonly Choice[]
}

// ---- views/groups

export interface GroupRow {
  readonly id: string
  readonly href: string
  readonly name: string
  readonly description: string
  readonly members: string
  readonly roles: string
}

export interface GroupsPage {
  readonly page: Page
  readonly rows: readonly GroupRow[]
  readonly empty: Empty
  readonly freshHref?: string | undefined
}

/** POST /groups {name, description, members (repeated)}, or POST /groups/:id/definition without members. */
export interface GroupFormPage {
  readonly page: Page
  readonly errors: readonly FieldError[]
  readonly heading: string
  readonly href: string
  readonly backHref: string
  readonly button: string
  /** Empty for a group that is not there yet. */
  readonly version: string
  readonly name: Field
  readonly description: Field
  /** Empty where members are changed elsewhere. */
  readonly members: readonly Choice[]
}

/** POST /groups/:id/members {policyVersion, members}, /groups/:id/members/removal alike. */
export interface GroupPage {
  readonly page: Page
  readonly id: string
  readonly name: string
  readonly description: string
  readonly version: string
  readonly warnings: readonly WarningLine[]
  readonly members: readonly {
    readonly username: string
    readonly locked: boolean
    readonly actions: readonly Action[]
  }[]
  readonly roles: readonly Link[]
  readonly definitionHref?: string | undefined
  /** Absent for those who may not change it. */
  readonly adding?: { readonly href: string; readonly people: readonly Choice[] } | undefined
}
