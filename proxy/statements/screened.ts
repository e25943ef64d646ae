import type { Cut } from './digests.ts'

/**
 * A client's message as the journal holds it when it can't be there as it was sent: too long to keep,
 * or with a secret that was taken out. JSON, under the type SCREENED.
 */
export type ScreenedMessage =
  ScreenedQuery | ScreenedParse | ScreenedBind | ScreenedCall | UnreadableMessage

export interface ScreenedQuery extends ScreenedText {
  readonly kind: 'query'
}

export interface ScreenedParse extends ScreenedText {
  readonly kind: 'parse'
  readonly name: string
  readonly types: readonly number[]
}

export interface ScreenedBind {
  readonly kind: 'bind'
  readonly portal: string
  readonly statement: string
  readonly parameters: readonly ScreenedParameter[]
}

export interface ScreenedCall {
  readonly kind: 'call'
  readonly oid: number
  readonly parameters: readonly ScreenedParameter[]
}

/** Nobody can read it; the server will say so with an error. */
export interface UnreadableMessage {
  readonly kind: 'unreadable'
  readonly type: number
  readonly length: number
}

interface ScreenedText {
  readonly text: string
  readonly cut: Cut | null
  /** Something was taken out, and an error message could quote it. */
  readonly redacted: boolean
}

/** A value's bytes in base64, null for NULL; or its text, where a secret was taken out. */
export interface ScreenedParameter {
  readonly binary: boolean
  readonly base64: string | null
  readonly text?: string
  readonly cut: Cut | null
}
