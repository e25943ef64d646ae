import assert from 'node:assert/strict'
import request from 'supertest'
import { changeGroupTerms, changeRoleTerms } from '../../broker/policy/changes.ts'
import { findRow, rows } from '../../db/store.ts'
import type { TestPortal } from './portal.ts'
import type { World } from './world.ts'

/** What a record says of who acted, and its details. */
export interface ToldBody {
  readonly actor: { readonly type: string }
  readonly details?: Readonly<Record<string, string>>
}

/** The API as a program with this token sees it. */
export function apiWith({ app }: TestPortal, token: string) {
  return {
    get: (path: string) => request(app).get(`/api/v1${path}`).auth(token, { type: 'bearer' }),
    post: (path: string, body: object) =>
      request(app).post(`/api/v1${path}`).auth(token, { type: 'bearer' }).send(body),
  }
}

/** The token that a page shows. */
export function secretIn(html: string): string {
  const [, secret = ''] = /data-token>(daypass_[A-Za-z0-9_-]{32})</.exec(html) ?? []
  assert.notEqual(secret, '')
  return secret
}

/** True where a table of records shows the action. */
export function shows(html: string, action: string): boolean {
  return html.includes(`<code title="${action}">`)
}

/** Puts an application into the group that approves role1. */
export async function joinApprovers(world: World, id: string): Promise<void> {
  const found = await findRow<{ username: string }>(
    world.owner.db,
    'select username from people where id = :id',
    { id },
  )
  await changeGroupTerms(world.portal, byAdmin(world), {
    id: world.roles.role1.approverGroup?.id ?? '',
    asked: { added: [found?.username ?? ''] },
  })
}

/** How many approvals role1 takes from now on. */
export async function needApprovals(world: World, approvalsNeeded: number): Promise<void> {
  const { id } = world.roles.role1
  await changeRoleTerms(world.portal, byAdmin(world), { id, asked: { approvalsNeeded } })
}

/** Everything that a name did, in its order. */
export async function recordsBy(
  { owner }: World,
  actor: string,
): Promise<{ action: string; body: ToldBody }[]> {
  const found = await rows<{ action: string; body: string }>(
    owner.db,
    'select action, body from records where actor_name = :actor order by at, seq',
    { actor },
  )
  return found.map(({ action, body }) => ({ action, body: JSON.parse(body) as ToldBody }))
}

/** The last record of an action. */
export async function findBody({ owner }: World, action: string): Promise<ToldBody | undefined> {
  const found = await findRow<{ body: string }>(
    owner.db,
    'select body from records where action = :action order by at desc, seq desc limit 1',
    { action },
  )
  return found && (JSON.parse(found.body) as ToldBody)
}

function byAdmin({ scopes, origins }: World) {
  return { scope: scopes.admin, origin: origins.admin }
}
