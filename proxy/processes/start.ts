import cluster from 'node:cluster'
import type { Address } from '../../lib/settings-reader.ts'
import { startProxy, type ProxyParts } from '../main.ts'
import { serveMetrics } from '../metrics/listener.ts'
import { startCrew } from './crew.ts'
import { startMember } from './member.ts'

export interface ProxiesParts extends ProxyParts {
  readonly config: ProxyParts['config'] & {
    readonly proxy: ProxyParts['config']['proxy'] & {
      readonly processes: number
      readonly metrics: Address | undefined
    }
  }
}

/**
 * Runs the proxy of this machine: in this process, or in several that share its port. The first of
 * several serves nobody itself: it keeps the others running and carries what they say to each other.
 */
export async function startProxies(parts: ProxiesParts): Promise<void> {
  const { processes, metrics } = parts.config.proxy
  if (cluster.isWorker) {
    await startMember(parts)
    return
  }
  const collect = processes === 1 ? await startAlone(parts) : await startCrew(processes, parts)
  if (metrics) await serveMetrics(metrics, { ...parts, processes, collect })
}

async function startAlone(parts: ProxyParts) {
  const { sample } = await startProxy(parts)
  return () => Promise.resolve([sample()])
}
