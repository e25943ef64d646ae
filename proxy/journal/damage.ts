import { appendFileSync, existsSync, readFileSync, renameSync, rmSync, unlinkSync } from 'node:fs'

/** Lines of where the damage in a segment begins that was told of; empty until it was. */
const MARK = '.mark'
const FILE_MODE = 0o600

/** Remembers over restarts that a segment is damaged: it is then kept for a person to look at. */
export function markDamaged(segment: string): void {
  appendFileSync(segment + MARK, '', { mode: FILE_MODE })
}

/** True where it was noted that this damage was told of. */
export function isTold(segment: string, at: number): boolean {
  const mark = segment + MARK
  return existsSync(mark) && readFileSync(mark, 'utf8').split('\n').includes(String(at))
}

/** Notes that this damage was told of, whatever becomes of the segment. */
export function noteTold(segment: string, at: number): void {
  if (existsSync(segment)) appendFileSync(segment + MARK, `${at}\n`, { mode: FILE_MODE })
}

/** Deletes a segment; a damaged one is only put out of the way. */
export function removeSegment(segment: string): void {
  if (existsSync(segment + MARK)) renameSync(segment, `${segment}.damaged`)
  else unlinkSync(segment)
  rmSync(segment + MARK, { force: true })
}
