import { endExpiredSignIns } from '../db/sign-in-expiry.ts'
import { sentenceOf } from '../lib/errors.ts'
import type { PortalDeps } from './deps.ts'

/** An auditor's list is right to the minute without it; its records are this late. */
const LOOK_EVERY_MS = 60_000

/** Writes the end of sign-ins whose day is over, now and then, while the portal runs. */
export function keepEndingSignIns({ store, log, shutdown }: PortalDeps): void {
  let underWay: Promise<void> | undefined
  const look = async (): Promise<void> => {
    try {
      await store.change(endExpiredSignIns)
    } catch (error) {
      log.warn({ error: sentenceOf(error) }, 'sign-ins whose day is over were not written down')
    }
  }
  const timer = setInterval(() => {
    underWay ??= look().finally(() => (underWay = undefined))
  }, LOOK_EVERY_MS)
  timer.unref()
  shutdown.onClose('ends of sign-ins', async () => {
    clearInterval(timer)
    await underWay
  })
}
