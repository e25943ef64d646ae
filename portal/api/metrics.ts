import type { RequestHandler } from 'express'
import { Counter, Gauge, Registry } from 'prom-client'
import { countSessions } from '../../db/session-counts.ts'
import { countWork } from '../../db/work-counts.ts'
import { SESSION_STATES } from '../presenters/session-states.ts'
import type { PortalDeps } from '../deps.ts'
import { maySeeAdministration, orNotEntitled } from '../privileges.ts'
import { visitOf } from '../visit.ts'
import { openWorkMetrics } from './work-metrics.ts'

export interface Metrics {
  /** Counts every answer of the portal. */
  readonly count: RequestHandler
  /** GET /metrics, in Prometheus' text format. */
  readonly show: RequestHandler
}

/** Opens the numbers of one portal process. */
export function openMetrics({ store }: PortalDeps): Metrics {
  const registry = new Registry()
  const registers = [registry]
  new Gauge({ name: 'daypass_up', help: '1 while the portal answers', registers }).set(1)
  const requests = new Counter({
    name: 'daypass_http_requests_total',
    help: 'Answers of the portal by method and status',
    labelNames: ['method', 'status'] as const,
    registers,
  })
  const sessions = new Gauge({
    name: 'daypass_sessions',
    help: 'Sessions by state',
    labelNames: ['state'] as const,
    registers,
  })
  const setWork = openWorkMetrics(registry)
  return {
    count: (req, res, next) => {
      res.once('finish', () => {
        const method = METHODS.has(req.method) ? req.method : 'other'
        requests.inc({ method, status: String(res.statusCode) })
      })
      next()
    },
    show: async (req, res) => {
      const { scope } = visitOf(req)
      orNotEntitled(maySeeAdministration(scope))
      const [counts, work] = await Promise.all([
        countSessions(store.db, scope),
        countWork(store.db, scope),
      ])
      setWork(work)
      for (const state of SESSION_STATES) sessions.set({ state }, counts.get(state) ?? 0)
      res.type(registry.contentType).send(await registry.metrics())
    },
  }
}

/** A label takes no text that a stranger can invent. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
