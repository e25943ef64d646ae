import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/**
 * Below the ports that systems hand out for outgoing connections (32768 on Linux, 49152 on macOS):
 * one of those could be taken between the look and the use.
 */
const LOWEST = 15_000
const HIGHEST = 32_000
const ATTEMPTS = 100

/** A port of 127.0.0.1 that was free a moment ago; who uses it must be ready to find it taken. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const port = randomInt(LOWEST, HIGHEST)
    if (await isFree(port)) return port
  }
  throw new Error(`no free port of 127.0.0.1 between ${String(LOWEST)} and ${String(HIGHEST)}`)
}

/** True where nobody listens on a port of 127.0.0.1 right now. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
}
