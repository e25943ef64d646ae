import { sentenceOf } from '../lib/errors.ts'
import type { PortalDeps } from './deps.ts'

/** Starts work that its request does not wait for. */
export type Later = (name: string, work: () => Promise<void>) => void

/**
 * For work whose time would tell a stranger something: the answer is given before it begins. What is
 * still under way when the portal stops is waited for.
 */
export function openLater({ log, shutdown }: Pick<PortalDeps, 'log' | 'shutdown'>): Later {
  const underWay = new Set<Promise<void>>()
  shutdown.onClose('work after answers', async () => {
    await Promise.all(underWay)
  })
  return (name, work) => {
    const done = work()
      .catch((error: unknown) => log.error({ error: sentenceOf(error) }, `${name} failed`))
      .finally(() => underWay.delete(done))
    underWay.add(done)
  }
}
