import { once } from 'node:events'
import type { Express } from 'express'
import { openPortal, type TestPortal } from './portal.ts'
import type { World } from './world.ts'

/** A portal on a port of its own, for a browser. */
export interface Served {
  readonly world: World
  readonly portal: TestPortal
  readonly url: string
  /** Closes the portal and the world. */
  close(): Promise<void>
}

/** Opens the portal of a world on a free port. */
export async function serve(world: World): Promise<Served> {
  const portal = await openPortal(world)
  const { url, close } = await listen(portal.app)
  return {
    world,
    portal,
    url,
    close: async () => {
      close()
      await portal.close()
      await world.close()
    },
  }
}

/** Listens on a free port of this machine alone. */
export async function listen(
  app: Express,
): Promise<{ readonly url: string; readonly close: () => void }> {
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('it listens on a port')
  return {
    url: `http://127.0.0.1:${String(address.port)}`,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}
