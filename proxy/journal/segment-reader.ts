import { open } from 'node:fs/promises'
import { findEntry, readEntries, type ReadEntries } from './entries.ts'
import type { Segment } from './journal.ts'

/** What is read off the journal at once; one entry may be larger, and is then read whole. */
const READ_BYTES = 1024 * 1024

/** Where a segment can be read again, behind a place where it can't. */
export async function nextEntry(
  { path, written }: Segment,
  at: number,
): Promise<number | undefined> {
  const file = await open(path, 'r')
  try {
    const bytes = Buffer.alloc(Math.max(written - at - 1, 0))
    const { bytesRead } = await file.read(bytes, 0, bytes.length, at + 1)
    const found = findEntry(bytes.subarray(0, bytesRead))
    return found === undefined ? undefined : at + 1 + found
  } finally {
    await file.close()
  }
}

/** Entries of a segment from one place on; none only where what is there is broken or torn. */
export async function readAt(segment: Segment, at: number): Promise<ReadEntries> {
  const file = await open(segment.path, 'r')
  try {
    for (let most = READ_BYTES; ; most *= 4) {
      const bytes = Buffer.alloc(Math.min(most, segment.written - at))
      const { bytesRead } = await file.read(bytes, 0, bytes.length, at)
      const read = readEntries(bytes.subarray(0, bytesRead))
      const isAll = bytesRead === 0 || at + bytesRead >= segment.written
      if (read.taken > 0 || read.broken || isAll) return read
    }
  } finally {
    await file.close()
  }
}
