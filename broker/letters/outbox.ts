import { randomUUID, type KeyObject } from 'node:crypto'
import { sentenceOf } from '../../lib/errors.ts'
import type { Log } from '../../lib/log.ts'
import { raiseAlert, resolveAlerts } from '../../db/alerts.ts'
import { claimMails, dropMail, noteSent, restMail, type ClaimedMail } from '../../db/mails.ts'
import { getDefaultOrganization } from '../../db/people.ts'
import { systemOrigin, type Origin } from '../../db/scope.ts'
import { getTimeZone } from '../../db/settings.ts'
import { storeTime, type Store, type Transaction } from '../../db/store.ts'
import { recordTask } from '../../db/task-records.ts'
import { writeLetter } from './letters.ts'
import type { Desk } from './text.ts'
import { LETTERS_AT_ONCE, MailNotSent, SEND_DEADLINE_MS, type MailServer } from './mail-server.ts'

export interface OutboxDeps {
  readonly store: Store
  readonly log: Log
  /** The broker's own: opens what others sealed for a letter. */
  readonly key: KeyObject
  readonly mail: Sending
}

/** How letters leave. */
export interface Sending {
  readonly server: MailServer
  /** Where links lead. */
  readonly publicUrl: URL
}

/** Longer than a letter may take, so that no other mailer sends it meanwhile. */
const CLAIM_SECONDS = (2 * SEND_DEADLINE_MS) / 1_000
/** A server that fails is asked again soon: one letter a minute costs it nothing. */
const LONGEST_PAUSE_SECONDS = 60
/** Twice that, so that the next try is another letter's: this one may be what the server stumbles on. */
const SECOND_CHANCE = 2
/** A letter that fails by itself, say at a greylisting server, rests longer each time. */
const FIRST_REST_SECONDS = 30
const LONGEST_REST_SECONDS = 900
/** One failure may be a hiccup; from the second in a row on, people are told. */
const TELL_AFTER_FAILURES = 2
/** The alert of the mail server itself, beside others of the rule. */
const SERVER_KEY = 'mail server'

/** The letters of the store on their way to the mail server. */
export class Outbox {
  readonly #deps: OutboxDeps
  /** In a row. */
  #failures = 0
  #restsUntil = 0
  /** An alert may be open from before this process. */
  #isKnownToWork = false

  constructor(deps: OutboxDeps) {
    this.#deps = deps
  }

  /** Sends until nothing is due or the server fails; does nothing while it rests after that. */
  async send(): Promise<void> {
    const { store } = this.#deps
    while (performance.now() >= this.#restsUntil) {
      const limit = this.#failures === 0 ? LETTERS_AT_ONCE : 1
      const mails = await claimMails(store.db, { limit, seconds: CLAIM_SECONDS })
      if (mails.length === 0) return
      const desk = await this.#desk()
      const results = await Promise.all(mails.map((mail) => this.#deliver(desk, mail)))
      const fault = results.find((result) => result instanceof MailNotSent)
      if (results.includes('taken')) await this.#serverWorks()
      else if (fault) await this.#serverFailed(fault.message)
    }
  }

  async #desk(): Promise<Desk> {
    const { store, key, mail } = this.#deps
    const [zone, now] = await Promise.all([getTimeZone(store.db), storeTime(store.db)])
    return { store, key, publicUrl: mail.publicUrl, zone, now }
  }

  /** The error is the server's fault; what is this letter's alone is dealt with here. */
  async #deliver(desk: Desk, mail: ClaimedMail): Promise<'taken' | 'kept' | MailNotSent> {
    const { store } = this.#deps
    try {
      const letter = await writeLetter(desk, mail)
      if ('drop' in letter) {
        await dropMail(store.db, mail, letter.drop)
        return 'kept'
      }
      await this.#deps.mail.server.send(letter)
    } catch (error) {
      return this.#putOff(mail, error)
    }
    await noteSent(store.db, mail)
    return 'taken'
  }

  async #putOff(mail: ClaimedMail, error: unknown): Promise<'kept' | MailNotSent> {
    const { store, log } = this.#deps
    const detail = sentenceOf(error)
    log.warn({ mail: mail.id, tries: mail.tries, error: detail }, 'a letter could not be sent')
    if (error instanceof MailNotSent && error.fault === 'server') {
      const seconds = SECOND_CHANCE * pauseAfter(Math.max(this.#failures + 1, mail.tries))
      await restMail(store.db, mail, { seconds, detail })
      return error
    }
    if (error instanceof MailNotSent && error.fault === 'refused') {
      await store.change((tx) => dropRefused(tx, mail, detail))
      return 'kept'
    }
    const seconds = doubling(FIRST_REST_SECONDS, mail.tries, LONGEST_REST_SECONDS)
    await restMail(store.db, mail, { seconds, detail })
    return 'kept'
  }

  async #serverFailed(detail: string): Promise<void> {
    this.#failures += 1
    this.#isKnownToWork = false
    this.#restsUntil = performance.now() + pauseAfter(this.#failures) * 1_000
    if (this.#failures < TELL_AFTER_FAILURES) return
    await this.#deps.store.change(async (tx) => {
      const { origin, at } = await here(tx)
      const result = `Letters can't be sent: ${detail}`
      await raiseAlert(tx, origin, at, { rule: 'mail_failing', key: SERVER_KEY, detail: result })
      if (this.#failures > TELL_AFTER_FAILURES) return
      await recordTask(tx, origin, at, { task: 'mail', outcome: 'failed', result, startedAt: at })
    })
  }

  async #serverWorks(): Promise<void> {
    const wasTold = this.#failures >= TELL_AFTER_FAILURES
    this.#failures = 0
    if (this.#isKnownToWork) return
    await this.#deps.store.change(async (tx) => {
      const { origin, at } = await here(tx)
      await resolveAlerts(tx, origin, at, { rule: 'mail_failing', keep: [], among: [SERVER_KEY] })
      if (!wasTold) return
      const result = 'The mail server takes letters again.'
      await recordTask(tx, origin, at, { task: 'mail', outcome: 'ok', result, startedAt: at })
    })
    this.#isKnownToWork = true
  }
}

/** No other try would end otherwise: that this person was not told is a record. */
async function dropRefused(tx: Transaction, mail: ClaimedMail, detail: string): Promise<void> {
  await dropMail(tx, mail, `Refused by the mail server: ${detail}`)
  const { origin, at } = await here(tx)
  const about = mail.sessionId === null ? '' : ` about session ${mail.sessionId}`
  const result = `The mail server refused a letter to ${mail.to.username}${about}: ${detail}`
  await recordTask(tx, origin, at, { task: 'mail', outcome: 'failed', result, startedAt: at })
}

/** The mail server serves the whole install, whose trail is its first organization's. */
async function here(
  tx: Transaction,
): Promise<{ origin: Origin; at: Awaited<ReturnType<typeof storeTime>> }> {
  const origin = systemOrigin(await getDefaultOrganization(tx), randomUUID())
  return { origin, at: await storeTime(tx) }
}

function pauseAfter(failures: number): number {
  return doubling(1, failures, LONGEST_PAUSE_SECONDS)
}

function doubling(first: number, nth: number, longest: number): number {
  return Math.min(first * 2 ** Math.min(nth - 1, 20), longest)
}
