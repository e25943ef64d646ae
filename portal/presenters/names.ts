import { visible } from './visible.ts'

/** What people are called, by their ids. */
export type Names = ReadonlyMap<string, string>

/** A person as a card or a row names them first: `Mark Rivera (mark)`. */
export function fullName({
  username,
  displayName,
}: {
  readonly username: string
  /** Undefined for what is no person, such as the system. */
  readonly displayName: string | undefined
}): string {
  const isSame = displayName?.toLowerCase() === username.toLowerCase()
  return displayName === undefined || isSame
    ? visible(username)
    : `${visible(displayName)} (${visible(username)})`
}
