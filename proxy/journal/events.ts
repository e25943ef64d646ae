/**
 * What the journal holds: ranges of the wire as they were seen, written by the relay and read by the
 * worker that makes statements of them. A segment is a head and groups; a group is what one write
 * carried (length, CRC-32, events); an event is a head and whole messages. All numbers big-endian.
 */

/** What an event tells. */
export const EVENT = {
  /** JSON, OpenedBody. */
  opened: 1,
  /** Messages from the client, as they went on to the data source. */
  client: 2,
  /** Messages from the data source. */
  server: 3,
  /** JSON, ClosedBody. */
  closed: 4,
  /** JSON, LiveBody; of no connection. Begins every segment but a life's first ones. */
  live: 5,
  /** Of a client's COPY data, what has gone on: never forgotten with what is refused. Else as `client`. */
  tally: 6,
} as const

export type EventKind = (typeof EVENT)[keyof typeof EVENT]

/** Body length u32, connection u32, kind u8, three zero bytes, time f64 in milliseconds since 1970. */
export const EVENT_HEAD_BYTES = 20
/** Payload length u32, CRC-32 of the payload u32. */
export const GROUP_HEAD_BYTES = 8

/**
 * The type of a client message that stands for one too long to keep or with a secret taken out: its
 * body is the JSON of a ScreenedMessage. No message of PostgreSQL's has it.
 */
export const SCREENED = 0x01

/**
 * The type of an empty message in front of a ReadyForQuery behind which the server has more to answer:
 * without it, nothing is outstanding there. No message of PostgreSQL's has it.
 */
export const UNSETTLED = 0x02

/**
 * A run of COPY data, type `d` both ways: u32 messages and f64 bytes since the last one, u8 final, and
 * behind a final one the SHA-256 of the whole run. A run ends before the next other message; the client's
 * also before the error that refuses it, though more may come behind. One of which a part was refused, for
 * it could not be recorded, has no final one: of what went on nobody has the digest.
 */
export const COPY_BYTES = 13
export const COPY_FINAL_BYTES = COPY_BYTES + 32

/** The body of a Flush that had one, which the server takes for an error: any other has none. */
export const REFUSED_FLUSH = Buffer.of(1)

/** A run of rows, type `D` from the server: u32 count and f64 bytes of bodies since the last one. */
export const ROWS_BYTES = 12

/** A FunctionCallResponse keeps the length of its body only. */
export const RESULT_BYTES = 4

/** Who speaks on a connection. */
export interface OpenedBody {
  /** The id of its row in the store. */
  readonly id: string
  readonly session: string
  readonly organization: string
  /** What the data source reported at login. */
  readonly statuses: readonly (readonly [name: string, value: string])[]
}

export interface ClosedBody {
  readonly why: string
}

/** All that are open, so that damage to what told of one's opening does not make it nobody's. */
export interface LiveBody {
  readonly connections: readonly (readonly [index: number, opened: OpenedBody])[]
}
