import type { KeyObject } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../../config.ts'
import { sentenceOf } from '../../lib/errors.ts'
import type { Log } from '../../lib/log.ts'
import { dropUnsendable, tidyMails } from '../../db/mails.ts'
import type { Store } from '../../db/store.ts'
import { openMailServer } from './mail-server.ts'
import { Outbox, type Sending } from './outbox.ts'

export interface MailerDeps {
  readonly store: Store
  readonly log: Log
  readonly key: KeyObject
  /** Absent: there is no mail server, and the outbox is only kept from growing. */
  readonly mail?: Sending
}

export interface Mailer {
  close(): Promise<void>
}

const LOOK_EVERY_MS = 1_000
const TIDY_EVERY_MS = 60_000
const GIVE_UP_DAYS = 3
const KEEP_DAYS = 30
/** Without a mail server; long enough to mend the setting and lose nothing. */
const UNSENDABLE_AFTER_MINUTES = 60
const GOODBYE_MS = 2_000

/**
 * Sends what is due once a second, apart from everything else the broker does: however long the
 * mail server takes, grants and removals wait for nothing here.
 */
export function startMailer(deps: MailerDeps): Mailer {
  const { mail } = deps
  const outbox = mail && new Outbox({ ...deps, mail })
  const closing = new AbortController()
  const loops = [
    repeat(deps.log, { work: () => tidy(deps), every: TIDY_EVERY_MS, until: closing.signal }),
    ...(outbox
      ? [
          repeat(deps.log, {
            work: () => outbox.send(),
            every: LOOK_EVERY_MS,
            until: closing.signal,
          }),
        ]
      : []),
  ]
  return {
    close: async () => {
      closing.abort()
      const over = Promise.all(loops)
      await Promise.race([over, sleep(GOODBYE_MS, undefined, { ref: false })])
      mail?.server.close()
      await over
    },
  }
}

export type MailConfig = Partial<Pick<Config, 'smtpUrl' | 'mailFrom' | 'publicUrl'>>

/** What the settings say of mail; nothing is dialled until the first letter. */
export function mailOf({ smtpUrl, mailFrom, publicUrl }: MailConfig): Pick<MailerDeps, 'mail'> {
  if (smtpUrl === undefined || mailFrom === undefined || publicUrl === undefined) return {}
  const settings = { smtpUrl, mailFrom, publicUrl }
  return { mail: { server: openMailServer(settings), publicUrl } }
}

async function tidy({ store, mail }: MailerDeps): Promise<void> {
  await tidyMails(store.db, { giveUpDays: GIVE_UP_DAYS, keepDays: KEEP_DAYS })
  if (mail !== undefined) return
  const detail = 'No mail server is set (DAYPASS_SMTP_URL).'
  await dropUnsendable(store.db, { afterMinutes: UNSENDABLE_AFTER_MINUTES, detail })
}

interface Repeating {
  readonly work: () => Promise<void>
  readonly every: number
  readonly until: AbortSignal
}

/** A failure here is the store's: the next round tries again. */
async function repeat(log: Log, { work, every, until }: Repeating): Promise<void> {
  while (!until.aborted) {
    try {
      await work()
    } catch (error) {
      log.error({ error: sentenceOf(error) }, 'letters could not be looked after')
    }
    await sleep(every, undefined, { signal: until, ref: false }).catch(() => undefined)
  }
}
