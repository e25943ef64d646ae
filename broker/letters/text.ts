import type { KeyObject } from 'node:crypto'
import type { DateTime } from 'luxon'
import { offsetText } from '../../lib/offset.ts'
import { visible, visibleLines } from '../../lib/visible.ts'
import type { Store } from '../../db/store.ts'

/** What a letter is written with. */
export interface Desk {
  readonly store: Store
  /** Opens what other parts sealed for a letter. */
  readonly key: KeyObject
  /** Where links lead. */
  readonly publicUrl: URL
  /** Central Manager's zone, an IANA name. */
  readonly zone: string
  /** By the store's clock. */
  readonly now: DateTime<true>
}

/** What a letter says; outside text in it is made visible by quote(), fields() and compose(). */
export interface Draft {
  readonly subject: string
  readonly paragraphs: readonly string[]
  /** What to do about it, and where. */
  readonly link: { readonly sentence: string; readonly path: string }
}

/** Why a letter is not to be sent any more, in a sentence. */
export interface Dropped {
  readonly drop: string
}

const SUBJECT_LIMIT = 160

/** Subject and text of a letter. Opening a link only shows: whoever wants to decide signs in first. */
export function compose(
  { publicUrl }: Pick<Desk, 'publicUrl'>,
  to: { readonly username: string } | undefined,
  { subject, paragraphs, link }: Draft,
): { readonly subject: string; readonly text: string } {
  const parts = [
    to === undefined ? 'Hello,' : `Hello ${visible(to.username)},`,
    ...paragraphs,
    `${link.sentence}\n${new URL(link.path, publicUrl).href}`,
    `-- \nSent by Daypass at ${publicUrl.origin}. Nobody reads answers to this letter.\n`,
  ]
  const line = Array.from(visible(`[Daypass] ${subject}`))
  const short = line.length > SUBJECT_LIMIT ? [...line.slice(0, SUBJECT_LIMIT), '…'] : line
  return { subject: short.join(''), text: parts.join('\n\n') }
}

/** One fact a line, the values under each other. */
export function fields(facts: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(...facts.map(([name]) => name.length)) + 2
  return facts.map(([name, value]) => `${`${name}:`.padEnd(width)}${visible(value)}`).join('\n')
}

/** What somebody wrote, each line marked as theirs, so that it can't pass for ours. */
export function quote(heading: string, text: string): string {
  const lines = visibleLines(text.trim()).split('\n')
  return [`${heading}:`, ...lines.map((line) => `> ${line}`)].join('\n')
}

/** An instant in Central Manager's zone, and in UTC where that is another. */
export function moment(at: DateTime<true>, { zone }: Desk): string {
  const local = at.setZone(zone)
  const text = `${local.toFormat('yyyy-LL-dd HH:mm:ss')} ${offsetText(local)}`
  if (local.offset === 0) return text
  return `${text} (${at.toUTC().toFormat('yyyy-LL-dd HH:mm:ss')} UTC)`
}
