import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { z } from 'zod'
import { chooseHome } from '../db/embedded.ts'
import { AppError } from '../lib/errors.ts'

/** Readable by its owner alone. */
const OWNER_ONLY = 0o600

/**
 * A small JSON file with secrets in the home of an embedded start: readable by its owner alone and
 * replaced whole, so that a crash leaves the old one or the new one.
 */
export class HomeFile<T> {
  readonly path: string
  readonly #schema: z.ZodType<T>

  constructor(file: string, schema: z.ZodType<T>) {
    this.path = file
    this.#schema = schema
  }

  /** What the file holds; undefined while there is none. Errors: `home_file_damaged`. */
  find(): T | undefined {
    if (!existsSync(this.path)) return undefined
    try {
      return this.#schema.parse(JSON.parse(readFileSync(this.path, 'utf8')))
    } catch (cause) {
      throw new AppError(
        'home_file_damaged',
        `${this.path} can't be read as what Daypass wrote there. Restore it from a backup, or remove the whole folder to start anew.`,
        { cause },
      )
    }
  }

  write(value: T): void {
    const draft = `${this.path}.${randomBytes(4).toString('hex')}`
    writeFileSync(draft, `${JSON.stringify(value, null, 2)}\n`, { mode: OWNER_ONLY, flag: 'wx' })
    renameSync(draft, this.path)
  }

  remove(): void {
    rmSync(this.path, { force: true })
  }
}

/** Made once in the data dir: what opens the embedded servers and everything sealed in the store. */
export interface Keys {
  readonly masterKey: string
  readonly storePassword: string
  readonly ownerPassword: string
  readonly demoPassword: string
  readonly demoBrokerPassword: string
}

/** Where the servers of a running start listen. */
export interface Running {
  readonly pid: number
  readonly portalUrl: string
  readonly storeOwnerUrl: string
}

/** The demo world as a script may ask for it. */
export interface DemoWorld {
  readonly people: readonly DemoPerson[]
  readonly storeUrl: string
  readonly dataSources: readonly { readonly name: string; readonly superuserUrl: string }[]
}

export interface DemoPerson {
  readonly username: string
  readonly password: string
  readonly flags: readonly string[]
  /** What to try with it, in a few words. */
  readonly does: string
}

/** The secrets of an embedded start. */
export function keysFile(home: string): HomeFile<Keys> {
  return new HomeFile(
    path.join(home, 'keys.json'),
    z.object({
      masterKey: z.string(),
      storePassword: z.string(),
      ownerPassword: z.string(),
      demoPassword: z.string(),
      demoBrokerPassword: z.string(),
    }),
  )
}

/** Says that an embedded start runs, and where its store is. */
export function runningFile(home: string): HomeFile<Running> {
  return new HomeFile(
    path.join(home, 'running.json'),
    z.object({ pid: z.number(), portalUrl: z.string(), storeOwnerUrl: z.string() }),
  )
}

/** Where the start of this data dir listens, if one runs; nothing is made by asking. */
export function findRunning(dataDir: string): Running | undefined {
  return existsSync(dataDir) ? runningFile(chooseHome({ dataDir }).dir).find() : undefined
}

/** The demo's accounts. */
export function demoFile(home: string): HomeFile<DemoWorld> {
  return new HomeFile(
    path.join(home, 'demo.json'),
    z.object({
      people: z.array(
        z.object({
          username: z.string(),
          password: z.string(),
          flags: z.array(z.string()),
          does: z.string(),
        }),
      ),
      storeUrl: z.string(),
      dataSources: z.array(z.object({ name: z.string(), superuserUrl: z.string() })),
    }),
  )
}

/** Makes the secrets at the first start and reads them at every later one. */
export function keepKeys(home: string): Keys {
  const file = keysFile(home)
  const kept = file.find()
  if (kept !== undefined) return kept
  const secret = (): string => randomBytes(24).toString('base64url')
  const made: Keys = {
    masterKey: randomBytes(32).toString('base64'),
    storePassword: secret(),
    ownerPassword: secret(),
    demoPassword: secret(),
    demoBrokerPassword: secret(),
  }
  file.write(made)
  return made
}
