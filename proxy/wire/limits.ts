/** Every length here counts the length field itself (4 bytes), as it stands on the wire. */

export const LENGTH_FIELD = 4
export const HEADER_BYTES = 5

/** MAX_STARTUP_PACKET_LENGTH in PostgreSQL's pqcomm.h, behind the length; a code is the least. */
export const STARTUP_LEAST = 8
export const STARTUP_MOST = 10_004

/** PG_MAX_AUTH_TOKEN_LENGTH in libpq/auth.h: before login nobody has a reason to send more. */
export const LOGIN_MOST = 65_535

/** PQ_SMALL_MESSAGE_LIMIT in libpq/libpq.h: Sync, Flush, Execute, Describe, Close and their like. */
export const SMALL_MOST = 10_000

/** PQ_LARGE_MESSAGE_LIMIT, MaxAllocSize - 1: no PostgreSQL message is longer. */
export const LARGE_MOST = 0x3ffffffe

/** The documentation of protocol 3.2: cancel keys of 4 to 256 bytes. */
export const CANCEL_KEY_LEAST = 4
export const CANCEL_KEY_MOST = 256

/** How much of one message body is kept in memory; longer ones are read as they pass. */
export const KEPT_MOST = 64 * 1024
