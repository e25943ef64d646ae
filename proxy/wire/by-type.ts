import type { Frame } from './frames.ts'

type Handle = (frame: Frame) => void

/** What to do with each type of message, as a table by type byte. */
export function byType(entries: readonly (readonly [type: number, handle: Handle])[]) {
  const table = new Array<Handle | undefined>(256).fill(undefined)
  for (const [type, handle] of entries) table[type] = handle
  return table
}
