/** What every foreseen failure carries beside its sentence. */
export interface ErrorOptions {
  readonly cause?: unknown
  /** Plain values for logs and problem documents; never a secret. */
  readonly facts?: Readonly<Record<string, unknown>>
}

/**
 * A failure we foresaw: a stable code for programs and a sentence that says what to do next for
 * people. Anything else that is thrown is a bug.
 */
export class AppError extends Error {
  readonly code: string
  readonly facts: Readonly<Record<string, unknown>>

  constructor(code: string, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = new.target.name
    this.code = code
    this.facts = options.facts ?? {}
  }
}

/** The sentence inside anything that was thrown. */
export function sentenceOf(thrown: unknown): string {
  if (thrown instanceof AggregateError && thrown.errors.length > 0) {
    return thrown.errors.map(sentenceOf).join('; ')
  }
  return thrown instanceof Error ? thrown.message : String(thrown)
}
