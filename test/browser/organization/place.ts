import type { Page } from 'playwright-core'
import type { Organization } from './organization.ts'
import type { Username } from './words.ts'

/** One page as somebody comes to see it. */
export interface Place {
  /** Of its picture, and of the test that looks at it. */
  readonly name: string
  /** What it shows, in a line. */
  readonly line: string
  readonly reader: Username | 'nobody'
  /**
   * The busy organization, one in which nothing happened yet, one without anything to ask for, or one
   * without an admin.
   */
  readonly world?: 'quiet' | 'bare' | 'setup' | 'demo' | 'away'
  readonly path: (organization: Organization) => string
  /** The answer's status where it is not 200. */
  readonly status?: number
  /** What its reader does there before it is looked at. */
  readonly then?: (page: Page) => Promise<void>
}

/** Places by their routes. */
export type Places = Readonly<Record<string, readonly Place[]>>

/** The way to a place that is the same in every organization. */
export const at =
  (path: string): Place['path'] =>
  () =>
    path
