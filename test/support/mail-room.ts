import { randomUUID } from 'node:crypto'
import { requestSession, type SessionRequest } from '../../broker/sessions/lifecycle.ts'
import { brokerKey } from '../../broker/main.ts'
import { openMailServer } from '../../broker/letters/mail-server.ts'
import { BROKER, makeMove, takeSession } from '../../broker/sessions/moves.ts'
import { Outbox } from '../../broker/letters/outbox.ts'
import { systemOrigin } from '../../db/scope.ts'
import type { Session } from '../../db/sessions.ts'
import { rows } from '../../db/store.ts'
import { silentLog } from '../../lib/log.ts'
import { TestMailServer } from './mail-server.ts'
import { makeWorld, type Name, type World } from './world.ts'

const PUBLIC_URL = new URL('https://daypass.example.com')

/** A world whose letters leave when told to, and the mail server that gets them. */
export class MailRoom {
  readonly world: World
  readonly mail: TestMailServer
  readonly #server: ReturnType<typeof openMailServer>
  readonly #outbox: Outbox

  private constructor(world: World, mail: TestMailServer) {
    this.world = world
    this.mail = mail
    this.#server = openMailServer({
      smtpUrl: mail.url,
      mailFrom: 'Daypass <daypass@example.com>',
      publicUrl: PUBLIC_URL,
    })
    const sending = { server: this.#server, publicUrl: PUBLIC_URL }
    const key = brokerKey({ masterKey: world.masterKey, partKey: undefined })
    this.#outbox = new Outbox({ store: world.broker, log: silentLog, key, mail: sending })
  }

  static async open(): Promise<MailRoom> {
    return new MailRoom(await makeWorld(), await TestMailServer.open())
  }

  /** Everybody has an address and may act; nothing was written yet. */
  async reset(): Promise<void> {
    const { db } = this.world.owner
    this.mail.letters.length = 0
    await rows(db, `delete from mails`)
    await rows(db, `update people set email = username || '@example.com', disabled_at = null`)
  }

  async close(): Promise<void> {
    this.#server.close()
    await this.mail.close()
    await this.world.close()
  }

  /** Who acts, as the functions of the lifecycle take it. */
  as(who: Name): readonly [World['portal'], World['scopes'][Name], World['origins'][Name]] {
    const { portal, scopes, origins } = this.world
    return [portal, scopes[who], origins[who]]
  }

  ask(request: Partial<SessionRequest> = {}, who: Name = 'mark'): Promise<Session> {
    return requestSession(...this.as(who), {
      dataSource: 'shop',
      roles: ['role1', 'role3'],
      justification: 'ticket 7',
      ...request,
    })
  }

  /** The broker's decision alone, without a database user. */
  grant({ id }: Session): Promise<Session> {
    return this.world.broker.change(async (tx) => {
      const { session, at } = await takeSession(tx, BROKER, id)
      const origin = systemOrigin(this.world.scopes.mark.organization, randomUUID())
      return makeMove(tx, session, 'grant', { origin, at, username: `dp_mark_${id}_abcdefgh` })
    })
  }

  send(): Promise<void> {
    return this.#outbox.send()
  }

  /** Sends, and lists what arrived since this was asked before. */
  async arrived(): Promise<[to: string, subject: string][]> {
    await this.send()
    const found = this.mail.list()
    this.mail.letters.length = 0
    return found
  }
}
