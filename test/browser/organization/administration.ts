import { randomUUID } from 'node:crypto'
import { changeGroupTerms, changeRoleTerms, changeSource } from '../../../broker/policy/changes.ts'
import { isAuditUser } from '../../../db/audit-filter.ts'
import { raiseAlert, resolveAlerts } from '../../../db/alerts.ts'
import { askForCheck } from '../../../db/data-source-checks.ts'
import { aboutAdminUrl, createDataSource } from '../../../db/data-sources.ts'
import { createGroup } from '../../../db/groups.ts'
import { createRole, type Role } from '../../../db/roles.ts'
import { createSavedFilter } from '../../../db/saved-filters.ts'
import { systemOrigin } from '../../../db/scope.ts'
import { storeTime } from '../../../db/store.ts'
import { recordTask } from '../../../db/task-records.ts'
import { derivePartKey, openingKey, publicBytesOf, seal } from '../../../lib/seal.ts'
import { runOn, type World } from '../../support/world.ts'
import type { Acting, People } from './people.ts'
import type { Words } from './words.ts'

/** What was administered: where its pages lie. */
export interface Administered {
  readonly groupId: string
  readonly warehouseId: string
  readonly emergency: Role
  readonly checks: { readonly ofSource: string; readonly ofRole: string }
  readonly savedFilterId: string
}

/** Makes a second data source, a dangerous role and its group, and changes the policy a few times. */
export async function administer(
  world: World,
  people: People,
  { words, admin, audrey }: { words: Words; admin: Acting; audrey: Acting },
): Promise<Administered> {
  const warehouseId = await addWarehouse(world, admin)
  const [store, scope, origin] = admin
  const by = { scope, origin }
  const made = await world.owner.change(async (tx) => {
    const memberIds = [people.admin.id, people.john.id, people['wei.li'].id]
    const group = await createGroup(tx, origin, { ...words.group, memberIds })
    const emergency = await createRole(tx, origin, {
      ...words.emergency,
      dataSourceId: world.dataSource.id,
      databaseRole: 'orders_maintainer',
      approverGroupId: group.id,
      approvalsNeeded: 2,
      defaultMinutes: 30,
      maximumMinutes: 480,
      dangerous: true,
    })
    return { group, emergency }
  })
  for (const name of ['role1', 'role2', 'role3'] as const) {
    const asked = { description: words.descriptions[name] }
    await changeRoleTerms(store, by, { id: world.roles[name].id, asked })
  }
  const message = { justificationPattern: '', justificationMessage: words.justificationMessage }
  await changeSource(store, by, { id: world.dataSource.id, asked: message })
  const { approverGroup } = world.roles.role1
  const readers = { description: words.group.description }
  await changeGroupTerms(store, by, { id: approverGroup?.id ?? '', asked: readers })
  await changeRoleTerms(store, by, { id: world.roles.role1.id, asked: { approvalsNeeded: 0 } })
  return {
    groupId: made.group.id,
    warehouseId,
    emergency: made.emergency,
    checks: await askForChecks(world, made.emergency),
    savedFilterId: await saveFilters(audrey, words),
  }
}

async function addWarehouse(world: World, [, , origin]: Acting): Promise<string> {
  const id = randomUUID()
  const key = publicBytesOf(openingKey(derivePartKey(world.masterKey, 'broker')))
  await world.owner.change((tx) =>
    createDataSource(tx, origin, {
      id,
      name: 'warehouse',
      host: world.shop.cluster.host,
      port: world.shop.cluster.port,
      databases: [world.shop.database],
      defaultDatabase: world.shop.database,
      tlsMode: 'disable',
      tlsCa: null,
      adminSealed: seal(key, world.shop.adminUrl, aboutAdminUrl(id)),
    }),
  )
  return id
}

/** A role that lends more than data; the others lend data alone. */
export async function shareOutRights({ shop }: World): Promise<void> {
  await runOn(
    shop.superuserUrl,
    `do $$
     begin
       perform pg_advisory_xact_lock(1);
       if to_regrole('orders_maintainer') is null then
         create role orders_maintainer nologin;
       end if;
     end
     $$`,
  )
  await runOn(
    shop.superuserUrl,
    `revoke create on schema public from public;
     revoke create on database ${shop.database} from public;
     grant create on schema public to orders_maintainer;
     grant select, insert, update on orders to orders_maintainer;
     grant orders_maintainer to ${shop.adminName} with admin option`,
  )
}

async function askForChecks(world: World, role: Role): Promise<Administered['checks']> {
  const { db } = world.portal
  const about = { dataSourceId: world.dataSource.id, cause: 'asked', askedBy: 'admin' } as const
  for (const { id } of Object.values(world.roles)) await askForCheck(db, { ...about, roleId: id })
  return {
    ofSource: await askForCheck(db, about),
    ofRole: await askForCheck(db, { ...about, roleId: role.id }),
  }
}

async function saveFilters([store, scope, origin]: Acting, { filter }: Words): Promise<string> {
  if (!isAuditUser(scope)) throw new Error('audrey has the flag')
  const change = { scope, origin }
  return store.change(async (tx) => {
    await createSavedFilter(tx, change, {
      name: filter.shared,
      shared: true,
      query: 'view=resources&dataSource=shop&range=7d',
    })
    return createSavedFilter(tx, change, {
      name: filter.own,
      shared: false,
      query: 'range=7d&state=DENIED',
    })
  })
}

/** What does not hold at this moment, what held again, and work of the broker that failed. */
export async function raiseAlerts(
  world: World,
  { warehouseId }: Administered,
  words: Words,
): Promise<void> {
  const { organization } = world.scopes.admin
  const origin = systemOrigin(organization, randomUUID())
  await world.owner.change(async (tx) => {
    const at = await storeTime(tx)
    const unreachable = { rule: 'data_source_unreachable', key: warehouseId } as const
    const late = { rule: 'grant_late', key: 'past', detail: words.alert } as const
    await raiseAlert(tx, origin, at.minus({ minutes: 50 }), late)
    await resolveAlerts(tx, origin, at.minus({ minutes: 41 }), { rule: 'grant_late', keep: [] })
    await raiseAlert(tx, origin, at.minus({ minutes: 12 }), {
      ...unreachable,
      detail: words.alert,
      dataSourceId: warehouseId,
    })
    await recordTask(tx, origin, at, {
      task: 'reconcile',
      outcome: 'failed',
      result: words.alert,
      startedAt: at.minus({ seconds: 10 }),
      dataSource: { id: warehouseId, name: 'warehouse' },
    })
  })
}
