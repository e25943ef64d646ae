/** Why somebody was not let in, as the metrics tell it. */
export const REFUSALS = [
  'busy',
  'secret',
  'window',
  'limit',
  'data_source',
  'protocol',
  'other',
] as const
export type RefusalReason = (typeof REFUSALS)[number]

/** Upper bounds of the delay's histogram, in milliseconds; what is longer falls behind the last. */
export const DELAY_BOUNDS_MS: readonly number[] = [
  0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 100,
]

/** By SQLSTATE of the refusal; the connection's own troubles are its class 08. */
const REASONS: Readonly<Record<string, RefusalReason>> = {
  '28P01': 'secret',
  '28000': 'window',
  '53300': 'limit',
  '08006': 'data_source',
  '08P01': 'protocol',
}

/**
 * What one proxy process has counted since it started. The hot path adds to plain fields: nothing is
 * allocated and nobody is called. Whoever asks for metrics reads them.
 */
export class Counters {
  /** Connections that got as far as the relay. */
  opened = 0
  /** Query, Execute and FunctionCall messages that were passed on. */
  statements = 0
  /** Bytes passed on, to the data source and to the client. */
  clientBytes = 0
  serverBytes = 0
  /** Cancel requests for a connection of this process, of another one, of nobody, and not looked for. */
  cancelsOwn = 0
  cancelsElsewhere = 0
  cancelsUnknown = 0
  cancelsLimited = 0
  readonly refused: Record<RefusalReason, number> = {
    busy: 0,
    secret: 0,
    window: 0,
    limit: 0,
    data_source: 0,
    protocol: 0,
    other: 0,
  }
  /** How often each bound of DELAY_BOUNDS_MS was the first not exceeded; the last one is of all above. */
  readonly delays = new Float64Array(DELAY_BOUNDS_MS.length + 1)
  delaySumMs = 0

  /** A client's bytes went on so many milliseconds after they had arrived. */
  delayed(milliseconds: number): void {
    this.delaySumMs += milliseconds
    let at = 0
    while (milliseconds > (DELAY_BOUNDS_MS[at] ?? Number.POSITIVE_INFINITY)) at += 1
    this.delays[at] = (this.delays[at] ?? 0) + 1
  }

  /** Somebody was turned away with this SQLSTATE. */
  refusedWith(sqlstate: string): void {
    this.refused[REASONS[sqlstate] ?? 'other'] += 1
  }
}
