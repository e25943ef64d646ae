import { z } from 'zod'
import { REFUSALS, type Counters } from '../counters.ts'

const RECORDING = z.object({
  /** Bytes in the journal that are not known to be in the store. */
  waitingBytes: z.number(),
  /** See RecordingStats. */
  lagMs: z.number(),
  /** Statements put into the store. */
  shipped: z.number(),
  /** How long ago the thread that ships told something, in milliseconds, and how often it was replaced. */
  silentMs: z.number(),
  restarts: z.number(),
})

/** The numbers of one process at one moment, as they travel between processes. */
export const SAMPLE = z.object({
  /** Its number on this machine, from 1. */
  process: z.number(),
  connections: z.number(),
  opened: z.number(),
  statements: z.number(),
  clientBytes: z.number(),
  serverBytes: z.number(),
  refused: z.record(z.enum(REFUSALS), z.number()),
  cancels: z.object({
    own: z.number(),
    elsewhere: z.number(),
    nowhere: z.number(),
    limited: z.number(),
  }),
  delays: z.array(z.number()),
  delaySumMs: z.number(),
  recording: RECORDING,
  residentBytes: z.number(),
  cpuSeconds: z.number(),
})

export type Sample = z.infer<typeof SAMPLE>
/** How far the recording is behind. */
export type RecordingSample = z.infer<typeof RECORDING>

/** What a process has counted, beside what it is at the moment. */
export function sampleOf(
  counters: Counters,
  now: Pick<Sample, 'process' | 'connections' | 'recording'>,
): Sample {
  const { user, system } = process.cpuUsage()
  return {
    ...now,
    opened: counters.opened,
    statements: counters.statements,
    clientBytes: counters.clientBytes,
    serverBytes: counters.serverBytes,
    refused: { ...counters.refused },
    cancels: {
      own: counters.cancelsOwn,
      elsewhere: counters.cancelsElsewhere,
      nowhere: counters.cancelsUnknown,
      limited: counters.cancelsLimited,
    },
    delays: [...counters.delays],
    delaySumMs: counters.delaySumMs,
    residentBytes: process.memoryUsage.rss(),
    cpuSeconds: (user + system) / 1_000_000,
  }
}
