/** What changed of a thing: the fields whose text differs, as it was and as it is. */
export interface Difference {
  readonly field: string
  readonly before: string
  readonly after: string
}

type Facts = Readonly<Record<string, string>>

/** The fields that differ, in the order of `after`; one that is missing on a side reads as empty. */
export function differencesBetween(before: Facts, after: Facts): Difference[] {
  return [...new Set([...Object.keys(after), ...Object.keys(before)])]
    .map((field) => ({ field, before: before[field] ?? '', after: after[field] ?? '' }))
    .filter((difference) => difference.before !== difference.after)
}

/** Differences as the details of a record: `approvals_needed_before`, `approvals_needed_after`. */
export function detailsOf(differences: readonly Difference[]): Record<string, string> {
  return Object.fromEntries(
    differences.flatMap(({ field, before, after }) => [
      [`${field}_before`, before],
      [`${field}_after`, after],
    ]),
  )
}

/** Differences as a summary says them: `approvals needed 1 -> 2, dangerous no -> yes`. */
export function sayDifferences(differences: readonly Difference[]): string {
  return differences
    .map(({ field, before, after }) => `${wordsOf(field)} ${said(before)} -> ${said(after)}`)
    .join(', ')
}

/** `approvals_needed` reads as `approvals needed`. */
export function wordsOf(field: string): string {
  return field.replaceAll('_', ' ')
}

const SAID_LENGTH = 60

function said(text: string): string {
  if (text === '') return 'none'
  // by characters: half of one can't be kept
  const characters = Array.from(text)
  return characters.length > SAID_LENGTH ? `${characters.slice(0, SAID_LENGTH).join('')}…` : text
}
