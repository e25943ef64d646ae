import { randomBytes } from 'node:crypto'
import { derivePartKey, openingKey, publicBytesOf, seal } from '../../lib/seal.ts'
import { aboutAdminUrl } from '../../db/data-sources.ts'
import { rows } from '../../db/store.ts'
import {
  lendingFault,
  testDataSource,
  testRole,
  type Examination,
  type Finding,
} from '../../broker/preflight/preflight.ts'
import { getDataSource, onAddress } from '../../broker/sources/data-source.ts'
import { makeWorld, runOn } from './world.ts'

export const TRIAL = { trial: true }
export const LOOK = { trial: false }

/** What tests of preflight do all day, on a world of their own. */
export type PreflightBench = Awaited<ReturnType<typeof openPreflight>>

/** Makes a world, and what can be tested and changed on its data source. */
export async function openPreflight() {
  const world = await makeWorld()
  const login = world.shop.adminName
  const [server] = await onShop<{ version: number }>(
    `select current_setting('server_version_num')::integer as version`,
  )

  return {
    world,
    login,
    /** server_version_num of the data source. */
    version: server?.version ?? 0,
    close: () => world.close(),
    look,
    lookAt,
    setAdminUrl,
    faultOf,
    withTarget,
    onShop,
    mend,
    withRole,
    trials,
  }

  function deps() {
    const key = openingKey(derivePartKey(world.masterKey, 'broker'))
    return { store: world.broker, key }
  }

  function look(depth: { trial: boolean }): Promise<Examination> {
    return testDataSource(deps(), world.dataSource.id, { ...depth, roles: ['orders_reader'] })
  }

  async function lookAt(
    databaseRole: string,
    depth: { trial: boolean },
    lockedOut?: 'nobody',
  ): Promise<Examination> {
    if (lockedOut) await onShop(`alter role ${login} nologin`)
    try {
      const offered = { databaseRole, dangerous: false }
      return await testRole(deps(), world.dataSource.id, offered, depth)
    } finally {
      if (lockedOut) await onShop(`alter role ${login} login`)
    }
  }

  async function setAdminUrl(adminUrl: string): Promise<void> {
    const { id } = world.dataSource
    const key = publicBytesOf(openingKey(derivePartKey(world.masterKey, 'broker')))
    await rows(world.owner.db, 'update data_sources set admin_sealed = :sealed where id = :id', {
      id,
      sealed: seal(key, adminUrl, aboutAdminUrl(id)),
    })
  }

  function faultOf(databaseRole: string, dangerous: boolean): Promise<string | undefined> {
    return withTarget((target) => lendingFault(target, [{ databaseRole, dangerous }]))
  }

  async function withTarget<T>(work: Parameters<typeof onAddress<T>>[1]): Promise<T> {
    const dataSource = await getDataSource(world.broker, world.dataSource.id)
    return onAddress({ dataSource, url: world.shop.adminUrl }, work)
  }

  function onShop<Row extends Record<string, unknown>>(sql: string): Promise<Row[]> {
    return runOn<Row>(world.shop.superuserUrl, sql)
  }

  async function mend(findings: readonly Finding[]): Promise<void> {
    for (const { remedy } of findings) await onShop(remedy ?? '')
  }

  async function withRole(prefix: string, work: (name: string) => Promise<void>): Promise<void> {
    const name = `${prefix}_${randomBytes(4).toString('hex')}`
    await onShop(`create role ${name}`)
    await work(name)
    await onShop(`drop owned by ${name}`)
    await onShop(`drop role ${name}`)
  }

  async function trials(): Promise<string[]> {
    const found = await onShop<{ name: string }>(
      `select rolname as name from pg_roles where rolname like 'dp!_trial%' escape '!' order by 1`,
    )
    return found.map(({ name }) => name)
  }
}

/** What is not in order. */
export function wrong({ findings }: Pick<Examination, 'findings'>): Finding[] {
  return findings.filter(({ ok }) => !ok)
}

/** True where a finding says this. */
export function says({ findings }: Examination, sentence: RegExp): boolean {
  return findings.some((each) => sentence.test(each.sentence))
}
