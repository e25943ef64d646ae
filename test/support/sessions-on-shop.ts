import pg from 'pg'
import type { SessionId } from '../../lib/ids.ts'
import { cancel, requestSession } from '../../broker/sessions/lifecycle.ts'
import type { Session } from '../../db/sessions.ts'
import { rows } from '../../db/store.ts'
import { look, until, type HandBroker } from './broker.ts'
import { runOn, type World } from './world.ts'

/** What tests of the broker do all day, on a world in which nobody has to approve anything. */
export interface ShopSessions {
  ask(roles?: readonly string[]): Promise<SessionId>
  /** Asks, and lets the broker tick once. */
  grant(roles?: readonly string[]): Promise<Session>
  /** Cancels, and lets the broker do nothing yet. */
  cancel(session: { readonly id: SessionId }): Promise<void>
  /** Cancels, lets the broker tick once, and looks. */
  end(session: { readonly id: SessionId }): Promise<Session>
  /** Makes put-off jobs due at once. */
  hurry(): Promise<void>
  /** Lets the broker try again until the session's user is gone. */
  untilGone(session: { readonly uuid: string }): Promise<void>
  /** Lets the broker try again until the removal is told as done. */
  untilDone(session: { readonly id: SessionId }): Promise<void>
  onShop<Row extends pg.QueryResultRow>(sql: string, values?: readonly unknown[]): Promise<Row[]>
  /** The session's user as the data source has it. */
  userOf(session: { readonly uuid: string }): Promise<ShopUser | undefined>
  /** The address under which a session user gets in, as the proxy would with a secret of its own. */
  urlOf(session: Session, database?: string): Promise<string>
}

export interface ShopUser {
  readonly name: string
  readonly oid: number
  readonly login: boolean
  readonly limit: number
  readonly validUntil: Date
}

/** Ends every approval rule of the world and returns what can be done in it. */
export async function openShop(world: World, broker: HandBroker): Promise<ShopSessions> {
  await rows(
    world.owner.db,
    `update roles set approvals_needed = 0 where name in ('role1', 'role3')`,
  )
  const onShop: ShopSessions['onShop'] = (sql, values = []) =>
    runOn(world.shop.superuserUrl, sql, values)
  const ask = async (roles: readonly string[] = ['role3']): Promise<SessionId> => {
    const { id } = await requestSession(world.portal, world.scopes.mark, world.origins.mark, {
      dataSource: 'shop',
      roles,
      justification: 'ticket 7',
    })
    return id
  }
  const cancelAsMark: ShopSessions['cancel'] = async ({ id }) => {
    await cancel(world.portal, world.scopes.mark, world.origins.mark, id)
  }
  const hurry = async (): Promise<void> => {
    await rows(
      world.owner.db,
      `update session_jobs set due_at = now() - interval '1 second' where claimed_until is null`,
    )
  }
  const userOf: ShopSessions['userOf'] = async ({ uuid }) => {
    const [user] = await onShop<ShopUser>(
      `select rolname as name, oid, rolcanlogin as login, rolconnlimit as limit,
              rolvaliduntil as "validUntil"
         from pg_roles
        where shobj_description(oid, 'pg_authid') = $1`,
      [uuid],
    )
    return user
  }
  const trying = (what: string, isSo: () => Promise<boolean>): Promise<void> =>
    until(what, async () => {
      await hurry()
      await broker.tick()
      return isSo()
    })
  return {
    ask,
    onShop,
    grant: async (roles) => {
      const id = await ask(roles)
      await broker.tick()
      return look(world, id)
    },
    cancel: cancelAsMark,
    end: async (session) => {
      await cancelAsMark(session)
      await broker.tick()
      return look(world, session.id)
    },
    hurry,
    untilGone: (session) =>
      trying('the role is gone', async () => (await userOf(session)) === undefined),
    untilDone: ({ id }) =>
      trying('the removal is done', async () => (await look(world, id)).removal.state === 'done'),
    userOf,
    urlOf: async ({ username }, database = world.shop.database) => {
      await onShop(`alter role ${username ?? ''} password 'known'`)
      const url = new URL(world.shop.superuserUrl)
      url.username = username ?? ''
      url.password = 'known'
      url.pathname = database
      return url.href
    },
  }
}
