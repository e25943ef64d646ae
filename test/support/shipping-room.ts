import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { StatementCopy } from '../../db/statement-copy.ts'
import { highestNumbers } from '../../db/statement-log.ts'
import { openStore, rows, type Store } from '../../db/store.ts'
import type { SessionId } from '../../lib/ids.ts'
import { silentLog } from '../../lib/log.ts'
import { openingKey, publicBytesOf } from '../../lib/seal.ts'
import { deliver } from '../../proxy/journal/deliver.ts'
import { tellGaps } from '../../proxy/journal/gaps.ts'
import { Journal } from '../../proxy/journal/journal.ts'
import { Shipper, type ShipperDeps } from '../../proxy/journal/shipper.ts'
import { GrantedWorld } from './granted.ts'

/** Journals in folders of their own, and what ships them into a store, under the proxy's login. */
export class ShippingRoom {
  readonly key = openingKey(randomBytes(32))
  readonly proxyId = randomUUID()
  readonly world: GrantedWorld
  readonly copy: StatementCopy
  readonly store: Store
  readonly #folders: string[] = []

  private constructor(world: GrantedWorld) {
    this.world = world
    this.copy = new StatementCopy(world.proxyUrl)
    this.store = openStore(world.proxyUrl)
  }

  static async make(): Promise<ShippingRoom> {
    return new ShippingRoom(await GrantedWorld.make())
  }

  async close(): Promise<void> {
    await Promise.all([this.copy.close(), this.store.close()])
    await this.world.close()
    for (const folder of this.#folders) rmSync(folder, { recursive: true, force: true })
  }

  folder(): string {
    const made = mkdtempSync(join(tmpdir(), 'daypass-journal-'))
    this.#folders.push(made)
    return made
  }

  journalIn(folder: string): Journal {
    const publicKey = publicBytesOf(this.key)
    return new Journal({ folder, recording: 'prompt', publicKey, log: silentLog })
  }

  /** Ships at once. */
  shipping(folder: string, { progress }: Journal, instead: Partial<ShipperDeps> = {}): Shipper {
    const shipper = new Shipper({ ...this.deps(folder), progress, ...instead })
    shipper.start()
    return shipper
  }

  /** What a shipper works with. */
  deps(folder: string): Omit<ShipperDeps, 'progress'> {
    const { store, proxyId, copy, key: privateKey } = this
    const publicKey = publicBytesOf(privateKey)
    const log = silentLog
    return {
      folder,
      privateKey,
      log,
      deliver: (batch) => deliver({ folder, publicKey, db: store.db, copy, log }, batch),
      missing: (gaps) => tellGaps({ store, proxyId, log }, gaps),
      highestNumbers: (connections) => highestNumbers(store.db, connections),
    }
  }

  /** The first so many statements of a session, once they are there. */
  async shown(session: SessionId, count: number): Promise<[number, string, string, string][]> {
    const statements = await this.world.statements(session, count)
    return statements.map(({ number, kind, text, outcome }) => [number, kind, text, outcome])
  }

  /** Alerts, in the order in which they were raised. */
  alerts(): Promise<GapAlert[]> {
    return rows(
      this.world.store.db,
      `select rule, session_id as session, detail, resolved_at is null as open
         from alerts
        order by session_id, raised_at`,
    )
  }

  /** Records of gaps: of which session, and what is said of it. */
  gaps(): Promise<GapRecord[]> {
    return rows(
      this.world.store.db,
      `select session_id as session, cast(body as jsonb) -> 'details' as details
         from records
        where action = 'recording.gap'
        order by seq`,
    )
  }
}

export interface GapAlert {
  readonly rule: string
  readonly session: string | null
  readonly detail: string
  readonly open: boolean
}

export interface GapRecord {
  readonly session: string | null
  readonly details: Readonly<Record<string, string>>
}

/** The segments of a folder that are to be read. */
export function segmentsIn(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.journal'))
    .sort()
}

/** Flips a bit of a file. */
export function flipBit(path: string, at: number): void {
  const bytes = readFileSync(path)
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at)
  writeFileSync(path, bytes)
}
