import { writeSync } from 'node:fs'

/** Stands in for the disk under a journal. */
export interface FillingDisk {
  isFull: boolean
  /** Bytes that still fit; undefined for as many as there are. */
  room: number | undefined
  readonly write: typeof writeSync
}

export function fillingDisk(): FillingDisk {
  const disk: FillingDisk = {
    isFull: false,
    room: undefined,
    write: ((fd: number, bytes: Buffer, offset: number, length: number, position: number) => {
      if (disk.isFull || disk.room === 0) {
        throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
      }
      const written = writeSync(fd, bytes, offset, Math.min(length, disk.room ?? length), position)
      if (disk.room !== undefined) disk.room -= written
      return written
    }) as typeof writeSync,
  }
  return disk
}
