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
import { AppError } from '../../lib/errors.ts'
import { encodeSegmentHead, keyStream, makeSegmentKey, readSegmentHead } from './segment-head.ts'
import type { KeptConnection } from './replay.ts'

/** What was open at a place in the journal up to which everything is in the store. */
export interface Snapshot {
  readonly life: string
  readonly segment: number
  readonly at: number
  /** The time of the newest event in front of it, in milliseconds since 1970. */
  readonly now: number
  readonly connections: readonly KeptConnection[]
}

/** Its file's, in the journal's folder. */
export const SNAPSHOT_NAME = 'open-statements'
/** Grows with every change of what is kept of a connection: what another version kept is not read. */
const STATE_VERSION = 2
/** In the first, names that are not there were never kept with undefined under them. */
const READ_VERSIONS: readonly number[] = [1, STATE_VERSION]
const FILE_MODE = 0o600
const SUM_BYTES = 4

/** What every version can read: `version` says whether it can read each connection's state, too. */
interface Versioned extends Snapshot {
  readonly version: number
}

/** Replaces the snapshot: on disk before what it stands for is deleted. */
export function writeSnapshot(folder: string, publicKey: Buffer, snapshot: Snapshot): void {
  const key = makeSegmentKey()
  const body = serialize({ ...snapshot, version: STATE_VERSION } satisfies Versioned)
  const sum = Buffer.alloc(SUM_BYTES)
  sum.writeUInt32BE(crc32(body))
  const head = encodeSegmentHead(publicKey, { life: snapshot.life, key })
  const whole = Buffer.concat([head, keyStream(key, 0).update(Buffer.concat([sum, body]))])
  const path = join(folder, SNAPSHOT_NAME)
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

/**
 * Undefined where there is none; of another version's, without the states. Errors: `snapshot_unreadable`,
 * `sealed_value_unreadable` with another key.
 */
export function readSnapshot(folder: string, privateKey: KeyObject): Snapshot | undefined {
  const path = join(folder, SNAPSHOT_NAME)
  if (!existsSync(path)) return undefined
  const whole = readFileSync(path)
  const read = readSegmentHead(privateKey, whole)
  if (!read) throw unreadable(path)
  const clear = keyStream(read.head.key, 0).update(whole.subarray(read.bytes))
  const body = clear.subarray(SUM_BYTES)
  if (clear.length < SUM_BYTES || crc32(body) !== clear.readUInt32BE(0)) throw unreadable(path)
  const { version, ...snapshot } = parse(path, body)
  if (READ_VERSIONS.includes(version)) return snapshot
  const stateless = snapshot.connections.map((kept) => ({ ...kept, state: undefined }))
  return { ...snapshot, connections: stateless }
}

/** The checksum is the proof that these bytes are ours, though perhaps of another Node's V8. */
function parse(path: string, body: Buffer): Versioned {
  try {
    return deserialize(body) as Versioned
  } catch (cause) {
    throw unreadable(path, cause)
  }
}

function unreadable(path: string, cause?: unknown): AppError {
  return new AppError('snapshot_unreadable', `${path} is damaged.`, { cause })
}

export function removeSnapshot(folder: string): void {
  rmSync(join(folder, SNAPSHOT_NAME), { force: true })
}

function syncFolder(folder: string): void {
  const fd = openSync(folder, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
