import type { Cipher } from 'node:crypto'
import { closeSync, ftruncateSync, openSync, unlinkSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Disk } from './disk.ts'
import { checksumOf, encodeSegmentHead, keyStream, makeSegmentKey } from './segment-head.ts'

export interface WrittenSegmentOptions {
  readonly life: string
  /** Whom the key is sealed to. */
  readonly publicKey: Buffer
  readonly disk: Disk
  /** What the first group holds, if there is to be one at once. */
  readonly first: (checksum: (payload: Buffer) => number) => Buffer | undefined
  /** Told where a sync that nobody waits for failed. */
  readonly unkept: (error: Error) => void
}

const FILE_MODE = 0o600

/** What can't be removed holds no group that was kept, and the disk has said already that it is at fault. */
function removeIfPossible(path: string): void {
  try {
    unlinkSync(path)
  } catch {
    // the error that led here says more
  }
}

/** A file of the journal while it is written. It is closed when the last sync of it is over. */
export class WrittenSegment {
  /** What its groups are guarded with. */
  readonly checksum: (payload: Buffer) => number
  readonly #path: string
  readonly #fd: number
  readonly #cipher: Cipher
  readonly #disk: Disk
  readonly #unkept: (error: Error) => void
  /** Whole groups up to here. */
  #written = 0
  #isDirty = true
  /** Its name is on disk. */
  #isListed = false
  #isSyncing = false
  #isOver = false

  /** Makes the file, with its head. Errors: the disk's; then there is no file, or one without a group. */
  constructor(path: string, { life, publicKey, disk, first, unkept }: WrittenSegmentOptions) {
    const key = makeSegmentKey()
    const head = encodeSegmentHead(publicKey, { life, key })
    this.#path = path
    this.#disk = disk
    this.#unkept = unkept
    this.#cipher = keyStream(key, 0)
    this.checksum = checksumOf(key)
    this.#fd = openSync(path, 'wx', FILE_MODE)
    try {
      this.#writeAll(head)
      this.#written = head.length
      const group = first(this.checksum)
      if (group) {
        this.write(group)
        this.keep(group.length)
      }
    } catch (error) {
      closeSync(this.#fd)
      removeIfPossible(path)
      throw error
    }
  }

  /** Bytes of its head and of the groups that are kept. */
  get written(): number {
    return this.#written
  }

  /** Writes a group behind the last that is kept. Errors: the disk's; then it must be taken back. */
  write(group: Buffer): void {
    this.#isDirty = true
    this.#writeAll(this.#cipher.update(group))
  }

  /** The group of so many bytes that was written is whole. */
  keep(bytes: number): void {
    this.#written += bytes
  }

  /** Cuts off what was written and is not kept. Errors: the disk's. */
  takeBack(): void {
    ftruncateSync(this.#fd, this.#written)
  }

  /** Waits until all is on disk. Errors: the disk's; nothing written before may be relied on then. */
  syncNow(): void {
    this.#isDirty = false
    this.#disk.syncNow(this.#fd)
    if (this.#isListed) return
    this.#disk.syncFolderNow(dirname(this.#path))
    this.#isListed = true
  }

  /** Brings to disk what isn't, beside everything else. */
  sync(): void {
    if (this.#isSyncing) return
    if (this.#isDirty) this.#beginSync()
    else if (this.#isOver) closeSync(this.#fd)
  }

  /** Nothing more is written: what there is goes to disk, and the file is closed. */
  letGo(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.sync()
  }

  #beginSync(): void {
    this.#isDirty = false
    this.#isSyncing = true
    this.#disk.sync(this.#fd, (error) => {
      if (error !== null || this.#isListed) this.#synced(error)
      else this.#disk.syncFolder(dirname(this.#path), (failure) => this.#synced(failure))
    })
  }

  #synced(error: Error | null): void {
    if (error === null) this.#isListed = true
    else this.#unkept(error)
    this.#isSyncing = false
    // a number that is closed under a sync may be somebody's socket when the sync looks at it
    if (this.#isOver) this.sync()
  }

  #writeAll(bytes: Buffer): void {
    for (let at = 0; at < bytes.length;) {
      at += this.#disk.write(this.#fd, bytes, at, bytes.length - at, this.#written + at)
    }
  }
}
