import { getGate, type Gate } from '../broker/sessions/gate.ts'
import { appendRecord, type Action, type RecordDraft } from '../db/audit-log.ts'
import { CLOSE, closeConnection, listLeftOpen, SET_BACKEND } from '../db/connections.ts'
import { getDefaultOrganization } from '../db/people.ts'
import type { Origin } from '../db/scope.ts'
import { isRowFault } from '../db/row-faults.ts'
import { storeTime, type Store } from '../db/store.ts'
import { changeAndTell } from '../db/told-changes.ts'
import { AppError, sentenceOf } from '../lib/errors.ts'
import type { Log } from '../lib/log.ts'
import { uuidv7 } from '../lib/ids.ts'
import type { Holder } from './holders.ts'
import { Repeats } from './repeats.ts'
import { redactValue } from './statements/redaction.ts'

/** What is said of a connection beside whose it is. */
export interface ConnectionFacts {
  readonly id: string
  readonly clientIp: string
  readonly database: string
  readonly applicationName: string
}

export interface AttendanceDeps {
  readonly store: Store
  readonly proxyId: string
  readonly log: Log
}

const RETRY_MS = 500
/** How long what is still unwritten may take when the proxy stops. */
const FAREWELL_MS = 3_000
const LONGEST_NAME = 63

/** The records of who came and went, each in the name of the session's requester. */
export class Attendance {
  readonly #deps: AttendanceDeps
  /** Writes that wait for the store, in order. */
  readonly #waiting: (() => Promise<void>)[] = []
  #writing: Promise<void> | undefined
  #closing = false
  readonly #repeats = new Repeats()

  constructor(deps: AttendanceDeps) {
    this.#deps = deps
  }

  /** Connections that a crash of this proxy left open are over. */
  async closeLeftOpen(): Promise<void> {
    const { store, proxyId } = this.#deps
    for (const { sessionId, ...left } of await listLeftOpen(store.db, proxyId)) {
      const gate = await getGate(store.db, sessionId)
      await this.#close(gate, left, 'the proxy was restarted')
    }
  }

  /** Written before the client is let in: what can't be recorded doesn't happen. */
  async opened(gate: Gate, facts: ConnectionFacts, backendPid: number): Promise<void> {
    const isTold = await changeAndTell(this.#deps.store.db, {
      sql: SET_BACKEND,
      bindings: { id: facts.id, backendPid },
      ...recordOf(gate, facts, {
        action: 'connection.opened',
        outcome: 'ok',
        details: { backend_pid: String(backendPid) },
      }),
    })
    if (!isTold) throw new Error(`connection ${facts.id} has vanished`)
  }

  /** Written when the store lets us. */
  closed(holder: Holder, facts: ConnectionFacts, why: string): void {
    this.#later(() => this.#close(holder, facts, why))
  }

  /** The right secret, and still no: `claimed` where a connection row waits to be closed. */
  refused(gate: Gate, facts: ConnectionFacts, refusal: Refused): void {
    const { sqlstate } = refusal
    // it may quote the name of a database, and somebody gave a whole connection string for one
    const sentence = redactValue(refusal.sentence)
    const { store } = this.#deps
    this.#later(() => closeConnection(store.db, facts.id, `refused: ${sentence}`))
    this.#repeats.note(facts.clientIp, `${gate.id} ${sqlstate}`, (attempts) => {
      const details = { sqlstate, why: sentence, attempts: String(attempts) }
      const said = { action: 'connection.refused', outcome: 'refused', details } as const
      this.#later(() =>
        store.change(async (tx) => {
          const { origin, draft } = recordOf(gate, facts, said)
          await appendRecord(tx, origin, await storeTime(tx), draft)
        }),
      )
    })
  }

  /** A wrong secret, or a name that nobody has: then without a gate. */
  strange(username: string, clientIp: string, gate: Gate | undefined): void {
    const name = Array.from(redactValue(username)).slice(0, LONGEST_NAME).join('')
    this.#repeats.note(clientIp, name, (attempts) => {
      this.#later(() => this.#recordStranger({ name, clientIp, attempts, gate }))
    })
  }

  /** Writes what waits, as far as the store lets us. */
  async drain(): Promise<void> {
    this.#repeats.flush()
    this.#closing = true
    const late = new Promise((resolve) => setTimeout(resolve, FAREWELL_MS).unref())
    await Promise.race([this.#writing, late])
  }

  #later(write: () => Promise<void>): void {
    this.#waiting.push(write)
    this.#writing ??= this.#writeAll()
  }

  async #writeAll(): Promise<void> {
    for (let next = this.#waiting[0]; next; next = this.#waiting[0]) {
      try {
        await next()
        this.#waiting.shift()
      } catch (error) {
        if (error instanceof AppError || isRowFault(error)) {
          // trying again would change nothing, and keep waiting all that is behind it
          this.#deps.log.error({ error: sentenceOf(error) }, 'a connection record was refused')
          this.#waiting.shift()
          continue
        }
        this.#deps.log.warn({ error: sentenceOf(error) }, 'a connection record waits for the store')
        if (this.#closing) break
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
      }
    }
    this.#writing = undefined
  }

  async #close(holder: Holder, facts: ConnectionFacts, why: string): Promise<void> {
    await changeAndTell(this.#deps.store.db, {
      sql: CLOSE,
      bindings: { id: facts.id, why },
      ...recordOf(holder, facts, { action: 'connection.closed', outcome: 'ok', details: { why } }),
    })
  }

  #recordStranger({ name, clientIp, attempts, gate }: Stranger): Promise<void> {
    return this.#deps.store.change(async (tx) => {
      const origin: Origin = {
        actor: { type: 'system', id: 'proxy', name: 'unknown client' },
        organization: gate?.organization ?? (await getDefaultOrganization(tx)),
        correlationId: uuidv7(),
        clientIp,
      }
      await appendRecord(tx, origin, await storeTime(tx), {
        action: 'connection.refused',
        area: 'connections',
        outcome: 'refused',
        subject: { type: 'session user', id: name, name },
        ...(gate ? { session: gate.snapshot } : {}),
        details: { why: 'unknown name or wrong secret', attempts: String(attempts) },
      })
    })
  }
}

interface Stranger {
  readonly name: string
  readonly clientIp: string
  readonly attempts: number
  readonly gate: Gate | undefined
}

export interface Refused {
  readonly sqlstate: string
  readonly sentence: string
}

interface Said {
  readonly action: Action
  readonly outcome: 'ok' | 'refused'
  readonly details: Readonly<Record<string, string>>
}

function recordOf(
  { organization, requester, snapshot, dataSource }: Holder,
  facts: ConnectionFacts,
  { action, outcome, details }: Said,
): { readonly origin: Origin; readonly draft: RecordDraft } {
  const database = redactValue(facts.database)
  const origin: Origin = {
    actor: { type: 'person', id: requester.id, name: requester.username },
    organization,
    correlationId: facts.id,
    authMethod: 'scram',
    clientIp: facts.clientIp,
  }
  const draft: RecordDraft = {
    action,
    area: 'connections',
    outcome,
    subject: { type: 'connection', id: facts.id, name: database },
    dataSource: { id: dataSource.id, name: dataSource.name },
    session: snapshot,
    details: { database, application_name: facts.applicationName, ...details },
  }
  return { origin, draft }
}
