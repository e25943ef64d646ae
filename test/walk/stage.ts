import { randomBytes, randomUUID } from 'node:crypto'
import { derivePartKey, openingKey, publicBytesOf, seal } from '../../lib/seal.ts'
import { freePort } from '../../db/embedded.ts'
import { aboutAdminUrl, moveDataSource } from '../../db/data-sources.ts'
import { createPerson } from '../../db/people.ts'
import { systemOrigin, type Origin, type PersonScope } from '../../db/scope.ts'
import { startOwnServers, type OwnServers } from '../faults/servers.ts'
import { keepFolder } from '../support/clearing.ts'
import { startPart, type PartProcess } from '../support/part-process.ts'
import { openRelay, type Relay } from '../support/relay.ts'
import { makeWorld, runOn, type World } from '../support/world.ts'

export interface Walker {
  readonly scope: PersonScope
  readonly origin: Origin
}

/** A part that the nemesis may stop at any time. */
export interface Role {
  readonly name: string
  /** Proxies only. */
  readonly port: number
  readonly process: PartProcess
  isFrozen: boolean
  restart(): Promise<void>
}

/** Three brokers, two proxies, two servers, and wires between them that can be broken. */
export interface Stage {
  readonly world: World
  readonly servers: OwnServers
  readonly walkers: readonly Walker[]
  readonly parts: readonly Role[]
  readonly proxies: readonly Role[]
  readonly wires: readonly { readonly name: string; readonly relay: Relay }[]
  close(): Promise<void>
}

const BROKERS = 3
const PROXIES = 2

export async function buildStage(clients: number): Promise<Stage> {
  const servers = await startOwnServers()
  const world = await makeWorld(servers.clusters)
  // where statements leave a trace of their own: what ran shows, whoever was told of it
  await runOn(
    world.shop.superuserUrl,
    `create table ran (operation text primary key);
     grant insert on ran to orders_reader, customers_reader, orders_writer`,
  )
  const { port } = world.shop.cluster
  const wires = [
    { name: 'brokers', relay: await openRelay(port) },
    { name: 'proxies', relay: await openRelay(port) },
  ] as const
  await layWires(world, { brokers: wires[0].relay.port, proxies: wires[1].relay.port })
  const brokers = Array.from({ length: BROKERS }, (_, n) =>
    startBroker(world, `broker ${String(n)}`),
  )
  const proxies = await Promise.all(
    Array.from({ length: PROXIES }, async (_, n) => {
      const folder = await keepFolder('daypass-walk-')
      const name = `proxy ${String(n)}`
      return startProxy(world, { name, folder, port: await freePort() })
    }),
  )
  const parts = [...brokers, ...proxies]
  for (const { process } of parts) await ready(process)
  return {
    world,
    servers,
    walkers: await Promise.all(Array.from({ length: clients }, (_, n) => hire(world, n))),
    parts,
    proxies,
    wires,
    close: async () => {
      for (const { process } of parts) await process.kill()
      for (const { relay } of wires) relay.close()
      const { portal, broker, proxy, owner } = world
      await Promise.all([portal, broker, proxy, owner].map((store) => store.close()))
      await servers.remove()
    },
  }
}

async function layWires(
  { owner, origins, dataSource, shop, masterKey }: World,
  ports: { readonly brokers: number; readonly proxies: number },
): Promise<void> {
  const url = new URL(shop.adminUrl)
  url.port = String(ports.brokers)
  const key = publicBytesOf(openingKey(derivePartKey(masterKey, 'broker')))
  await owner.change((tx) =>
    moveDataSource(tx, origins.admin, {
      id: dataSource.id,
      port: ports.proxies,
      adminSealed: seal(key, url.href, aboutAdminUrl(dataSource.id)),
    }),
  )
}

function startBroker(world: World, name: string): Role {
  const settings = {
    storeUrl: world.broker.url,
    masterKey: world.masterKey.toString('hex'),
    clockOffMs: 0,
  }
  return roleOf({ name, port: 0, start: () => startPart({ part: 'broker', settings }) })
}

function startProxy(
  world: World,
  { name, folder, port }: { name: string; folder: string; port: number },
): Role {
  const settings = {
    storeUrl: world.proxy.url,
    masterKey: world.masterKey.toString('hex'),
    dataDir: folder,
    port,
  }
  return roleOf({ name, port, start: () => startPart({ part: 'proxy', settings }) })
}

function roleOf({
  name,
  port,
  start,
}: {
  readonly name: string
  readonly port: number
  readonly start: () => PartProcess
}): Role {
  let process = start()
  return {
    name,
    port,
    isFrozen: false,
    get process() {
      return process
    },
    restart: async () => {
      await process.kill()
      process = start()
      await ready(process)
    },
  }
}

/** A part that finds no store refuses to start; its supervisor tries again. */
async function ready(process: PartProcess): Promise<void> {
  if ((await process.line('ready')) === undefined) {
    throw new Error(`a part did not start: ${process.printed().slice(-500)}`)
  }
}

async function hire(world: World, number: number): Promise<Walker> {
  const { organization } = world.scopes.mark
  const username = `walker${String(number)}`
  const person = await world.owner.change((tx) =>
    createPerson(tx, systemOrigin(organization, randomUUID(), 'set-up'), {
      username,
      displayName: username,
      passwordHash: null,
      portalUser: true,
      auditUser: false,
      managementPrivilege: 'none',
    }),
  )
  return {
    scope: { kind: 'person', organization, person },
    origin: {
      actor: { type: 'person', id: person.id, name: username },
      organization,
      correlationId: randomBytes(8).toString('hex'),
      authMethod: 'password',
      clientIp: '127.0.0.1',
    },
  }
}
