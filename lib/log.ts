import { pino } from 'pino'

/** What the parts need of a log: one line of JSON a call, facts first, then the sentence. */
export interface Log {
  debug(facts: object, sentence: string): void
  info(facts: object, sentence: string): void
  warn(facts: object, sentence: string): void
  error(facts: object, sentence: string): void
}

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** Fields that would carry a secret if someone logged a whole object by mistake. */
const SECRET_FIELDS = ['password', 'secret', 'token', 'url', '*.password', '*.secret', '*.token']

/** Opens the log of one part on standard error, so that standard output stays for people. */
export function openLog(part: string, level: LogLevel): Log {
  return pino(
    { level, base: { part }, redact: { paths: SECRET_FIELDS, censor: '[redacted]' } },
    pino.destination({ fd: 2, sync: true }),
  )
}

/** A log that says nothing, for tests. */
export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
}
