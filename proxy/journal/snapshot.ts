import type { KeyObject } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fdatasyncSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import { crc32 } from 'node:zlib'
import { encodeSegmentHead, keyStream, makeSegmentKey, readSegmentHead } from './segment-head.ts'
import type { KeptConnection } from './replay.ts'

/** What was open at a place in the journal up to which everything is in the store. */
export interface Snapshot {
  readonly life: string
  readonly segment: number
  readonly at: number
  readonly connections: readonly KeptConnection[]
}

const NAME = 'open-statements'
const FILE_MODE = 0o600
const SUM_BYTES = 4

/** Replaces the snapshot: on disk before what it stands for is deleted. */
export function writeSnapshot(folder: string, publicKey: Buffer, snapshot: Snapshot): void {
  const key = makeSegmentKey()
  const body = serialize(snapshot)
  const sum = Buffer.alloc(SUM_BYTES)
  sum.writeUInt32BE(crc32(body))
  const head = encodeSegmentHead(publicKey, { life: snapshot.life, key })
  const whole = Buffer.concat([head, keyStream(key, 0).update(Buffer.concat([sum, body]))])
  const path = join(folder, NAME)
  const fd = openSync(`${path}.new`, 'w', FILE_MODE)
  try {
    for (let at = 0; at < whole.length;) at += writeSync(fd, whole, at)
    fdatasyncSync(fd)
  } finally {
    closeSync(fd)
  }
  renameSync(`${path}.new`, path)
  syncFolder(folder)
}

/** Undefined where there is none, or none that can be read. Errors: `sealed_value_unreadable`. */
export function readSnapshot(folder: string, privateKey: KeyObject): Snapshot | undefined {
  const path = join(folder, NAME)
  if (!existsSync(path)) return undefined
  const whole = readFileSync(path)
  const read = readSegmentHead(privateKey, whole)
  if (!read) return undefined
  const clear = keyStream(read.head.key, 0).update(whole.subarray(read.bytes))
  if (clear.length < SUM_BYTES) return undefined
  const body = clear.subarray(SUM_BYTES)
  // the checksum is the proof that these bytes are ours
  return crc32(body) === clear.readUInt32BE(0) ? (deserialize(body) as Snapshot) : undefined
}

export function removeSnapshot(folder: string): void {
  rmSync(join(folder, NAME), { force: true })
}

function syncFolder(folder: string): void {
  const fd = openSync(folder, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
