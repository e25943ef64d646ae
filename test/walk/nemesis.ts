import { setTimeout as sleep } from 'node:timers/promises'
import { sentenceOf } from '../../lib/errors.ts'
import { listOurRoles } from '../support/oracles.ts'
import { onServer } from '../support/own-servers.ts'
import type { OwnServer } from '../faults/servers.ts'
import type { History } from './history.ts'
import type { Random } from './random.ts'
import type { Stage } from './stage.ts'

/** When something was broken: what is promised of time is promised from its end. */
export interface Outage {
  readonly what: string
  readonly from: number
  to: number
}

type Fault = () => Promise<void>

const PAUSE_MS = [1_000, 5_000] as const
const LONGEST_FREEZE_MS = 12_000
const RESTART_TRIES = 20

/** Breaks one thing after the other, as the dice say, and mends each before the next. */
export class Nemesis {
  readonly outages: Outage[] = []
  readonly #stage: Stage
  readonly #history: History
  readonly #dice: Random

  constructor(stage: Stage, history: History, dice: Random) {
    this.#stage = stage
    this.#history = history
    this.#dice = dice
  }

  async walk(signal: AbortSignal): Promise<void> {
    const { store, source } = this.#stage.servers
    const faults: readonly [Fault, ...Fault[]] = [
      () => this.#killPart(),
      () => this.#killPart(),
      () => this.#killPart(),
      () => this.#freezePart(),
      () => this.#freezePart(),
      () => this.#restartServer('store', store),
      () => this.#restartServer('data source', source),
      () => this.#breakWire(),
      () => this.#breakWire(),
      () => this.#breakWire(),
      () => this.#dropByHand(),
      () => this.#holdLocks(),
    ]
    while (!signal.aborted) {
      await sleep(this.#dice.between(...PAUSE_MS))
      await this.#dice.pick(faults)()
    }
  }

  /** Mends everything; what was dead is started. */
  async heal(): Promise<void> {
    for (const { relay } of this.#stage.wires) relay.mend()
    await this.#stage.servers.store.start()
    await this.#stage.servers.source.start()
    for (const part of this.#stage.parts) {
      part.process.thaw()
      if (!part.process.isRunning()) await this.#revive(part)
    }
  }

  async #killPart(): Promise<void> {
    const part = this.#dice.find(this.#stage.parts)
    const deadMs = this.#dice.between(0, 4_000)
    if (part === undefined) return
    await this.#during(`kill -9 ${part.name}`, async () => {
      await part.process.kill()
      await sleep(deadMs)
      await this.#revive(part)
    })
  }

  async #freezePart(): Promise<void> {
    const part = this.#dice.find(this.#stage.parts)
    const forMs = this.#dice.between(500, LONGEST_FREEZE_MS)
    if (part === undefined) return
    await this.#during(`freeze ${part.name} for ${forMs.toFixed(0)} ms`, async () => {
      part.process.freeze()
      await sleep(forMs)
      part.process.thaw()
    })
  }

  async #restartServer(name: string, server: OwnServer): Promise<void> {
    const isCrash = this.#dice.number() < 0.6
    const awayMs = this.#dice.number() < 0.5 ? 0 : this.#dice.between(500, 6_000)
    await this.#during(`${isCrash ? 'crash' : 'restart'} the ${name}`, async () => {
      await (isCrash ? server.crash() : server.stop())
      await sleep(awayMs)
      await server.start()
    })
  }

  async #breakWire(): Promise<void> {
    const wire = this.#dice.find(this.#stage.wires)
    const how = this.#dice.pick(['cut', 'stall', 'deafen', 'slow', 'cutAfter', 'loseReplyTo'])
    const forMs = this.#dice.between(500, 8_000)
    const bytes = Math.floor(this.#dice.between(1, 4_000))
    if (wire === undefined) return
    const { name, relay } = wire
    await this.#during(`${how} the wire of the ${name}`, async () => {
      if (how === 'slow') relay.slow(200)
      else if (how === 'cutAfter') relay.cutAfter(bytes)
      else if (how === 'loseReplyTo') void relay.loseReplyTo('commit')
      else relay[how]()
      await sleep(forMs)
      relay.mend()
    })
  }

  /** A DBA who knows of no Daypass. */
  async #dropByHand(): Promise<void> {
    const { world } = this.#stage
    await this.#during('drop a user by hand', async () => {
      const user = this.#dice.find((await listOurRoles(world)).filter(({ login }) => login))
      if (user === undefined) return
      await onServer(world.shop.superuserUrl, (client) =>
        client.query(`drop owned by ${user.name}; drop role ${user.name}`),
      )
    })
  }

  async #holdLocks(): Promise<void> {
    const forMs = this.#dice.between(1_000, 5_000)
    await this.#during('hold locks as a dump does', () =>
      onServer(this.#stage.world.shop.superuserUrl, async (client) => {
        client.on('error', () => undefined)
        await client.query(
          `begin;
           do $$
           declare one record;
           begin
             for one in select oid::regclass as name from pg_class where relname like 'made!_%' escape '!' and relkind = 'r' loop
               execute format('lock table %s in access share mode', one.name);
             end loop;
           end $$`,
        )
        await sleep(forMs)
        await client.query('commit')
      }),
    )
  }

  /** A supervisor tries again: a part that finds no store does not start. */
  async #revive(part: Stage['parts'][number]): Promise<void> {
    for (let patience = RESTART_TRIES; ; patience -= 1) {
      try {
        await part.restart()
        return
      } catch (error) {
        if (patience === 0) throw error
        await sleep(500)
      }
    }
  }

  async #during(what: string, fault: Fault): Promise<void> {
    const outage: Outage = { what, from: Date.now(), to: Infinity }
    this.outages.push(outage)
    this.#history.write({ who: 'nemesis', what, outcome: 'begins' })
    try {
      await fault()
      this.#history.write({ who: 'nemesis', what, outcome: 'over', began: outage.from })
    } catch (error) {
      const detail = sentenceOf(error)
      this.#history.write({ who: 'nemesis', what, outcome: 'failed', began: outage.from, detail })
    } finally {
      outage.to = Date.now()
    }
  }
}
