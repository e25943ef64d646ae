import type { Command } from 'commander'
import { compose } from '../../broker/letters/text.ts'
import { isMailable, MailNotSent, openMailServer } from '../../broker/letters/mail-server.ts'
import { readConfig, type Config } from '../../config.ts'
import { AppError } from '../../lib/errors.ts'
import { uuidv7 } from '../../lib/ids.ts'
import { print } from '../print.ts'

/** mail test: whether the mail server of the settings takes our letters. */
export function addMail(program: Command): void {
  program
    .command('mail')
    .description('letters that Daypass sends')
    .command('test')
    .description('send one letter now, past the outbox, by DAYPASS_SMTP_URL')
    .argument('<address>', 'who gets it')
    .action(async (address: string) => {
      await sendTestLetter(readConfig(), address)
      print(`The mail server took a letter for ${address}.`)
    })
}

/** Errors: `smtp_url_missing`, `address_not_mailable`, `mail_server_failed`, `mail_refused`. */
export async function sendTestLetter(
  { smtpUrl, mailFrom, publicUrl }: Pick<Config, 'smtpUrl' | 'mailFrom' | 'publicUrl'>,
  address: string,
): Promise<void> {
  if (smtpUrl === undefined) {
    throw new AppError('smtp_url_missing', 'Set DAYPASS_SMTP_URL: there is no mail server yet.')
  }
  if (!isMailable(address)) {
    throw new AppError('address_not_mailable', 'That is not the address of one mailbox.')
  }
  const server = openMailServer({ smtpUrl, mailFrom, publicUrl })
  const { subject, text } = compose({ publicUrl }, undefined, {
    subject: 'a letter to try the mail server',
    paragraphs: ['Letters from this install reach you.'],
    link: { sentence: 'Links in them lead to:', path: '/sessions' },
  })
  try {
    await server.send({ id: uuidv7(), to: address, subject, text })
  } catch (error) {
    throw error instanceof MailNotSent ? explain(error) : error
  } finally {
    server.close()
  }
}

function explain(error: MailNotSent): AppError {
  const code = error.fault === 'server' ? 'mail_server_failed' : 'mail_refused'
  return new AppError(code, `The mail server did not take the letter: ${error.message}`)
}
