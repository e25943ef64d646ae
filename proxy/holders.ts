import type { Gate } from '../broker/sessions/gate.ts'
import type { SessionId } from '../lib/ids.ts'

/** Whose a connection is, as its records tell it. */
export type Holder = Pick<Gate, 'organization' | 'requester' | 'snapshot' | 'dataSource'>

interface Known {
  readonly text: string
  readonly holder: Holder
  connections: number
}

/**
 * What is kept of a session while its connections last: once for all of them where nothing has changed
 * between their logins, and nothing else of what a login had to know.
 */
export class Holders {
  readonly #known = new Map<SessionId, Known>()

  /** To be kept in a gate's place until `leave` is called. */
  share({ id, organization, requester, snapshot, dataSource }: Gate): {
    readonly holder: Holder
    readonly leave: () => void
  } {
    const holder = { organization, requester, snapshot, dataSource }
    const text = JSON.stringify(holder)
    const last = this.#known.get(id)
    const known = last?.text === text ? last : { text, holder, connections: 0 }
    known.connections += 1
    this.#known.set(id, known)
    const leave = (): void => {
      known.connections -= 1
      if (known.connections === 0 && this.#known.get(id) === known) this.#known.delete(id)
    }
    return { holder: known.holder, leave }
  }
}
