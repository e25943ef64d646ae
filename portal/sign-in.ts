import connectPgSimple, { type PGStoreOptions } from 'connect-pg-simple'
import type { Request, RequestHandler, Response } from 'express'
import session from 'express-session'
import passport from 'passport'
import { Strategy } from 'passport-local'
import pg from 'pg'
import { findPasswordHash, findPerson, type Person } from '../db/people.ts'
import type { PartScope } from '../db/scope.ts'
import { findLiveSignIn, SIGN_IN_HOURS } from '../db/sign-ins.ts'
import { AppError, sentenceOf } from '../lib/errors.ts'
import { derive, derivePartKey } from '../lib/seal.ts'
import type { PortalDeps } from './deps.ts'
import { readSignIn } from './forms/sign-in.ts'
import { passwordFits } from './passwords.ts'
import type { PendingSignIn } from './pending-sign-in.ts'
import { rememberVisit } from './visit.ts'

declare module 'express-session' {
  interface SessionData {
    /** Names the sign-in in records; the cookie's own id is a secret and stays out of them. */
    signInId?: string
    /** A first factor was right, and something else has still to be passed. */
    pending?: PendingSignIn
    /** It has a row. */
    isKept?: true
    flash?: { readonly kind: 'ok' | 'error'; readonly text: string }
    /** The reader's own time zone, once said. */
    zone?: string
  }
}

const SIGN_IN_MS = SIGN_IN_HOURS * 60 * 60 * 1000
/** How long a sign-in form may stand open before its token is gone. */
const ANONYMOUS_MS = 60 * 60 * 1000
const POOL_SIZE = 4
const CONNECT_DEADLINE_MS = 5_000
const STATEMENT_DEADLINE_MS = 5_000
const PRUNE_EVERY_SECONDS = 900

const PORTAL: PartScope = { kind: 'part', part: 'portal' }

export interface SignIns {
  /** Reads the cookie and, where it is a live sign-in of an enabled person, says whose it is. */
  readonly handlers: readonly RequestHandler[]
  /** The person whose name and password the body holds; undefined when they don't fit. */
  authenticate(req: Request, res: Response): Promise<Person | undefined>
  /** Keeps what is still to be passed, under a new cookie too. */
  hold(req: Request, pending: PendingSignIn): Promise<void>
  /** Starts a sign-in under a new cookie, so that one planted before is worth nothing. */
  start(req: Request, person: Person, signInId: string): Promise<void>
  /** Ends the sign-in in the store, whoever else holds its cookie. */
  end(req: Request, res: Response): Promise<void>
}

/** The web sign-ins of this portal, kept in the store's table sign_in_cookies. */
export function openSignIns(deps: PortalDeps): SignIns {
  const passports = new passport.Passport()
  passports.use(
    new Strategy({ passReqToCallback: true }, (req, _username, _password, done) => {
      // passport looks into the address, too, where a field is repeated
      const { username, password, complete } = readSignIn(req.body)
      const found = complete ? findByPassword(deps, username, password) : Promise.resolve(undefined)
      found.then((person) => done(null, person ?? false), done)
    }),
  )
  passports.serializeUser<string>((user, done) =>
    done(null, 'id' in user ? String(user.id) : undefined),
  )
  passports.deserializeUser((req: Request, id: string, done: Done) => {
    recognize(deps, req, id).then((person) => done(null, person ?? false), done)
  })
  const cookie = cookieFor(deps.config.publicUrl)
  return {
    handlers: [cookieSessions(deps, cookie), shortenAnonymous, passports.session()],
    authenticate: (req, res) =>
      new Promise((resolve, reject) => {
        const answered = (error: unknown, user: unknown): void => {
          if (error) reject(error instanceof Error ? error : new Error(sentenceOf(error)))
          else resolve(isPerson(user) ? user : undefined)
        }
        const handler: unknown = passports.authenticate('local', { session: false }, answered)
        if (isHandler(handler)) void handler(req, res, reject)
      }),
    hold: async (req, pending) => {
      await settled((done) => req.session.regenerate(done))
      req.session.pending = pending
      req.session.cookie.maxAge = ANONYMOUS_MS
      await saveSignIn(req)
    },
    start: async (req, person, signInId) => {
      await settled((done) => req.logIn(person, done))
      req.session.signInId = signInId
      req.session.cookie.maxAge = SIGN_IN_MS
      await saveSignIn(req)
    },
    end: async (req, res) => {
      await settled((done) => req.session.destroy(done))
      res.clearCookie(cookie.name, { path: '/', secure: cookie.secure })
    },
  }
}

/** Keeps what this request changed in its sign-in now, instead of beside its answer. */
export function saveSignIn(req: Request): Promise<void> {
  return settled((done) => req.session.save(done))
}

function cookieSessions(deps: PortalDeps, cookie: Cookie): RequestHandler {
  const pool = new pg.Pool({
    connectionString: deps.store.url,
    max: POOL_SIZE,
    application_name: 'daypass sign-ins',
    connectionTimeoutMillis: CONNECT_DEADLINE_MS,
    statement_timeout: STATEMENT_DEADLINE_MS,
    // the server's own deadline is no help where the server has fallen silent
    query_timeout: STATEMENT_DEADLINE_MS,
  })
  // a connection that dies idle is replaced at its next use
  pool.on('error', () => undefined)
  const store = new Cookies({
    pool,
    tableName: 'sign_in_cookies',
    createTableIfMissing: false,
    // a sign-in ends when its day is over, not when its tab falls silent
    disableTouch: true,
    pruneSessionInterval: PRUNE_EVERY_SECONDS,
    errorLog: (...said: unknown[]) =>
      deps.log.warn({ error: said.map(sentenceOf).join(' ') }, 'sign-ins could not be tidied'),
  })
  deps.shutdown.onClose('sign-ins', async () => {
    store.close()
    await pool.end()
  })
  return session({
    store,
    name: cookie.name,
    secret: cookieSecret(deps).toString('hex'),
    resave: false,
    saveUninitialized: false,
    cookie: { path: '/', httpOnly: true, sameSite: 'lax', secure: cookie.secure },
  })
}

/**
 * The rows of cookies. Only a new cookie makes one: a request that was under way when its cookie was replaced must
 * not bring the old one back.
 */
class Cookies extends connectPgSimple(session) {
  readonly #pool: pg.Pool

  constructor(options: PGStoreOptions & { readonly pool: pg.Pool }) {
    super(options)
    this.#pool = options.pool
  }

  override set(sid: string, kept: session.SessionData, done?: (error?: unknown) => void): void {
    if (kept.isKept !== true) {
      kept.isKept = true
      super.set(sid, kept, done)
      return
    }
    const { maxAge } = kept.cookie
    this.#pool
      .query(
        `update sign_in_cookies
            set sess = $1, expire = $2
          where sid = $3`,
        [JSON.stringify(kept), new Date(Date.now() + (maxAge ?? ANONYMOUS_MS)), sid],
      )
      .then(
        () => done?.(),
        (error: unknown) => done?.(error),
      )
  }
}

interface Cookie {
  readonly name: string
  readonly secure: boolean
}

/** The prefix makes browsers refuse the cookie from a sibling domain or over plain http. */
function cookieFor(publicUrl: URL): Cookie {
  return publicUrl.protocol === 'https:'
    ? { name: '__Host-daypass', secure: true }
    : { name: 'daypass', secure: false }
}

function cookieSecret({ config }: PortalDeps): Buffer {
  const key = config.partKey ?? (config.masterKey && derivePartKey(config.masterKey, 'portal'))
  if (key !== undefined) return derive(key, 'daypass cookies')
  throw new AppError(
    'bad_settings',
    'The portal has no key to sign its cookies with: set DAYPASS_MASTER_KEY or DAYPASS_PART_KEY.',
  )
}

const shortenAnonymous: RequestHandler = (req, _res, next) => {
  if (req.session.signInId === undefined) req.session.cookie.maxAge = ANONYMOUS_MS
  next()
}

async function findByPassword(
  { store }: PortalDeps,
  username: string,
  password: string,
): Promise<Person | undefined> {
  const kept = await findPasswordHash(store.db, PORTAL, username)
  if (!(await passwordFits(kept?.passwordHash, password)) || kept === undefined) return undefined
  return findPerson(store.db, PORTAL, kept.id)
}

/** Asks the store at every request: what was ended, or whose account was, is signed out now. */
async function recognize(
  { store }: PortalDeps,
  req: Request,
  id: string,
): Promise<Person | undefined> {
  const { signInId } = req.session
  if (signInId === undefined) return undefined
  const live = await findLiveSignIn(store.db, signInId)
  if (live?.person.id !== id) return undefined
  const { person, organization, authMethod } = live
  rememberVisit(req, { person, organization, proof: { authMethod, signInId } })
  return person
}

type Done = (error: unknown, person?: Person | false) => void

/** The package's types say `any` for what authenticate() gives. */
function isHandler(made: unknown): made is RequestHandler {
  return typeof made === 'function'
}

/** Only findByPassword hands people to passport, and whole ones. */
function isPerson(user: unknown): user is Person {
  return typeof user === 'object' && user !== null && 'username' in user && 'organizationId' in user
}

function settled(step: (done: (error?: unknown) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    step((error) => {
      if (error) reject(error instanceof Error ? error : new Error(sentenceOf(error)))
      else resolve()
    })
  })
}
