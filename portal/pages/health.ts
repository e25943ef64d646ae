import type { RequestHandler } from 'express'
import { checkSchema } from '../../db/migrate.ts'
import { AppError } from '../../lib/errors.ts'
import type { PortalDeps } from '../deps.ts'

/** A load balancer has asked the next one by then, in milliseconds. */
const READY_DEADLINE_MS = 3_000

/** What load balancers and supervisors ask. */
export function health({ store }: PortalDeps): { alive: RequestHandler; ready: RequestHandler } {
  return {
    alive: (_req, res) => {
      res.json({ status: 'alive' })
    },
    ready: async (_req, res) => {
      await withinDeadline(checkSchema(store.db))
      res.json({ status: 'ready' })
    },
  }
}

async function withinDeadline(checking: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    const error = new AppError('store_unreachable', 'The store does not answer.')
    timer = setTimeout(() => reject(error), READY_DEADLINE_MS)
  })
  // whichever comes second has nobody waiting for it any more
  checking.catch(() => undefined)
  try {
    await Promise.race([checking, late])
  } finally {
    clearTimeout(timer)
  }
}
