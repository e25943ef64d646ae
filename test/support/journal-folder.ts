import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AppError } from '../../lib/errors.ts'
import { silentLog } from '../../lib/log.ts'
import { openingKey, publicBytesOf } from '../../lib/seal.ts'
import { Journal, type JournalOptions } from '../../proxy/journal/journal.ts'
import { SegmentFile } from '../../proxy/journal/segment-file.ts'

/** Where a test's journals are, and what can be read in them. */
export class JournalFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'daypass-journal-'))
  readonly #key = openingKey(randomBytes(32))

  journal(options: Partial<JournalOptions> = {}): Journal {
    const publicKey = publicBytesOf(this.#key)
    const { path: folder } = this
    return new Journal({ folder, recording: 'prompt', publicKey, log: silentLog, ...options })
  }

  /** Paths, oldest first. */
  get segments(): string[] {
    return readdirSync(this.path)
      .sort()
      .map((name) => join(this.path, name))
  }

  /** The groups of a segment up to the first that is not whole; undefined where its head is not. */
  groupsIn(segment: string): Buffer[] | undefined {
    try {
      const file = SegmentFile.open(segment, this.#key)
      const groups: Buffer[] = []
      for (let events = file.next(file.size); events; events = file.next(file.size)) {
        groups.push(events)
      }
      file.close()
      return groups
    } catch (error) {
      assert.ok(error instanceof AppError)
      assert.equal(error.code, 'segment_unreadable')
      return undefined
    }
  }

  /** All events of all segments, one byte a character. */
  get clear(): string {
    return this.segments
      .map((path) => Buffer.concat(this.groupsIn(path) ?? []).toString('latin1'))
      .join('')
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}
