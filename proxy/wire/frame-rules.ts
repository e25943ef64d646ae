import { FROM_CLIENT, FROM_SERVER } from './codes.ts'
import { LARGE_MOST, SMALL_MOST } from './limits.ts'

/** What becomes of a body: nothing of it is read, it is kept whole, it is handed on in pieces. */
export const HANDLING = { unknown: 0, skip: 1, keep: 2, stream: 3, keepOrStream: 4 } as const

/** By type byte: how a body is handled and how long the message may be. */
export interface FrameRules {
  /** As PostgreSQL calls them in its errors. */
  readonly sender: 'frontend' | 'backend'
  readonly handling: Uint8Array
  readonly most: Int32Array
}

type Rule = readonly [handling: number, most: number]

const SMALL_SKIPPED: Rule = [HANDLING.skip, SMALL_MOST]
const SMALL_KEPT: Rule = [HANDLING.keep, SMALL_MOST]
const SKIPPED: Rule = [HANDLING.skip, LARGE_MOST]
const KEPT: Rule = [HANDLING.keep, LARGE_MOST]
const STREAMED: Rule = [HANDLING.stream, LARGE_MOST]
const KEPT_OR_STREAMED: Rule = [HANDLING.keepOrStream, LARGE_MOST]

/** A client after login. The password message is unknown here, as it is to PostgreSQL. */
export const CLIENT_RULES = frameRules(
  'frontend',
  new Map([
    [FROM_CLIENT.bind, KEPT_OR_STREAMED],
    [FROM_CLIENT.close, SMALL_KEPT],
    [FROM_CLIENT.describe, SMALL_KEPT],
    [FROM_CLIENT.execute, SMALL_KEPT],
    [FROM_CLIENT.functionCall, KEPT_OR_STREAMED],
    [FROM_CLIENT.flush, SMALL_SKIPPED],
    [FROM_CLIENT.parse, KEPT_OR_STREAMED],
    [FROM_CLIENT.query, KEPT_OR_STREAMED],
    [FROM_CLIENT.sync, SMALL_SKIPPED],
    [FROM_CLIENT.terminate, SMALL_SKIPPED],
    [FROM_CLIENT.copyDone, SMALL_SKIPPED],
    [FROM_CLIENT.copyData, STREAMED],
    [FROM_CLIENT.copyFail, SMALL_KEPT],
  ]),
)

/** A server after login: no authentication request and no second key may come then. */
export const SERVER_RULES = frameRules(
  'backend',
  new Map([
    [FROM_SERVER.parseComplete, SMALL_SKIPPED],
    [FROM_SERVER.bindComplete, SMALL_SKIPPED],
    [FROM_SERVER.closeComplete, SMALL_SKIPPED],
    [FROM_SERVER.notification, SKIPPED],
    [FROM_SERVER.commandComplete, KEPT],
    [FROM_SERVER.dataRow, SKIPPED],
    [FROM_SERVER.error, KEPT],
    [FROM_SERVER.copyIn, SKIPPED],
    [FROM_SERVER.copyOut, SKIPPED],
    [FROM_SERVER.emptyQuery, SMALL_SKIPPED],
    [FROM_SERVER.notice, SKIPPED],
    [FROM_SERVER.parameterStatus, KEPT],
    [FROM_SERVER.rowDescription, SKIPPED],
    [FROM_SERVER.functionResult, SKIPPED],
    [FROM_SERVER.copyBoth, SKIPPED],
    [FROM_SERVER.ready, SMALL_KEPT],
    [FROM_SERVER.copyDone, SMALL_SKIPPED],
    [FROM_SERVER.copyData, STREAMED],
    [FROM_SERVER.noData, SMALL_SKIPPED],
    [FROM_SERVER.portalSuspended, SMALL_SKIPPED],
    [FROM_SERVER.parameterTypes, KEPT],
  ]),
)

function frameRules(sender: FrameRules['sender'], byType: ReadonlyMap<number, Rule>): FrameRules {
  const rules = { sender, handling: new Uint8Array(256), most: new Int32Array(256) }
  for (const [type, [handling, most]] of byType) {
    rules.handling[type] = handling
    rules.most[type] = most
  }
  return rules
}
