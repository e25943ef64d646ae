import assert from 'node:assert/strict'
import { hash } from '@node-rs/argon2'
import type { Express } from 'express'
import request from 'supertest'
import { readConfig, type Config } from '../../config.ts'
import { createToken } from '../../db/tokens.ts'
import { rows } from '../../db/store.ts'
import { silentLog } from '../../lib/log.ts'
import { Shutdown } from '../../lib/shutdown.ts'
import { createApp } from '../../portal/app.ts'
import { NAMES, type Name, type World } from './world.ts'

/** The portal of a world, with people who can sign in and hold tokens. */
export interface TestPortal {
  readonly app: Express
  /** A browser without cookies. */
  browser(): Browser
  /** A browser in which somebody has just signed in. */
  signedIn(name: Name): Promise<Browser>
  /** Calls /api/v1 with somebody's token. */
  api(name: Name): Api
  close(): Promise<void>
}

export interface Api {
  get(path: string): request.Test
  post(path: string, body: object): request.Test
}

export type Fields = Readonly<Record<string, string | readonly string[]>>

/** What a browser does with pages: keeps cookies, says where a post comes from, sends its token. */
export interface Browser {
  get(path: string): request.Test
  /** Posts with the token of the page `from`, or of the sign-in page. */
  post(path: string, fields?: Fields, from?: string): Promise<request.Response>
  /** The cookie it would send. */
  cookie(): string
  /** Sends a request as it stands: nothing added but the cookie. */
  raw(method: 'get' | 'post', path: string): request.Test
}

export const PASSWORD = 'correct horse battery'

/** A hash says itself what it costs; hundreds of sign-ins need not be dear. */
const CHEAP = { memoryCost: 64, timeCost: 1, parallelism: 1 }

/** On a busy machine a test asks for answers, not for speed. */
const PATIENT_MS = 30_000

/** Builds the app of a portal on a world's store; `settings` are environment variables. */
export async function openPortal(
  world: World,
  settings: Readonly<Record<string, string>> = {},
): Promise<TestPortal> {
  await givePasswords(world)
  const shutdown = new Shutdown(silentLog)
  const app = createApp({
    config: configFor(world, settings),
    store: world.portal,
    log: silentLog,
    shutdown,
    countWithinMs: PATIENT_MS,
    answerWithinMs: PATIENT_MS,
  })
  const tokens = await makeTokens(world)
  const browser = (): Browser => new CookieBrowser(app)
  return {
    app,
    browser,
    signedIn: async (name) => {
      const opened = browser()
      const answer = await opened.post('/sign-in', { username: name, password: PASSWORD })
      assert.equal(answer.status, 303, answer.text)
      return opened
    },
    api: (name) => ({
      get: (path) => request(app).get(`/api/v1${path}`).auth(tokens[name], { type: 'bearer' }),
      post: (path, body) =>
        request(app).post(`/api/v1${path}`).auth(tokens[name], { type: 'bearer' }).send(body),
    }),
    close: () => shutdown.close(),
  }
}

/** The settings a portal would start with. */
export function configFor(world: World, settings: Readonly<Record<string, string>> = {}): Config {
  return readConfig({
    DAYPASS_STORE_URL: world.portal.url,
    DAYPASS_MASTER_KEY: world.masterKey.toString('base64'),
    DAYPASS_LOG_LEVEL: 'silent',
    ...settings,
  })
}

class CookieBrowser implements Browser {
  readonly #app: Express
  #cookie = ''

  constructor(app: Express) {
    this.#app = app
  }

  cookie(): string {
    return this.#cookie
  }

  get(path: string): request.Test {
    return this.raw('get', path)
  }

  async post(path: string, fields: Fields = {}, from = '/sign-in'): Promise<request.Response> {
    const body = new URLSearchParams({ _csrf: await this.#token(from) })
    for (const [name, value] of Object.entries(fields)) {
      for (const one of typeof value === 'string' ? [value] : value) body.append(name, one)
    }
    return this.raw('post', path).set('sec-fetch-site', 'same-origin').send(body.toString())
  }

  raw(method: 'get' | 'post', path: string): request.Test {
    const sent = request(this.#app)[method](path)
    if (this.#cookie !== '') sent.set('cookie', this.#cookie)
    sent.on('response', (answer: request.Response) => this.#keep(answer))
    return sent
  }

  #keep(answer: request.Response): void {
    const [, cookie] = /^([^;]+)/.exec(answer.get('set-cookie')?.[0] ?? '') ?? []
    if (cookie !== undefined) this.#cookie = cookie
  }

  /** Any page holds the token; a signed-in browser is sent on from the sign-in page. */
  async #token(from: string): Promise<string> {
    const page = await this.get(from)
    const { text } = page.status === 303 ? await this.get('/history') : page
    const [, token] = /name="_csrf" value="([^"]+)"/.exec(text) ?? []
    assert.ok(token, `no token on ${from}`)
    return token
  }
}

async function givePasswords({ owner }: World): Promise<void> {
  const password = await hash(PASSWORD, CHEAP)
  await rows(owner.db, `update people set password_hash = :password where kind = 'person'`, {
    password,
  })
}

async function makeTokens(world: World): Promise<Readonly<Record<Name, string>>> {
  const made = await Promise.all(
    NAMES.map(async (name) => {
      const { token } = await world.portal.change((tx) =>
        createToken(tx, world.origins[name], { person: world.people[name], name: 'test' }),
      )
      return [name, token] as const
    }),
  )
  return Object.fromEntries(made) as Record<Name, string>
}
