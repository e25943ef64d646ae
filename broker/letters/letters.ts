import type { ClaimedMail, MailKind } from '../../db/mails.ts'
import { extensionDecided, extensionWaits } from './extensions.ts'
import { passwordLink } from './passwords.ts'
import { alertRaised, proposalWaits } from './policy.ts'
import { sessionChanged, sessionEndsSoon, waitsForYou } from './sessions.ts'
import { compose, type Desk, type Draft, type Dropped } from './text.ts'
import { isMailable, type Letter } from './mail-server.ts'

type Writer = (desk: Desk, mail: ClaimedMail) => Draft | Dropped | Promise<Draft | Dropped>

const WRITERS: Readonly<Record<MailKind, Writer>> = {
  waits_for_you: waitsForYou,
  session_changed: sessionChanged,
  session_ends_soon: sessionEndsSoon,
  extension_waits: extensionWaits,
  extension_decided: extensionDecided,
  proposal_waits: proposalWaits,
  alert_raised: alertRaised,
  password_link: passwordLink,
}

/** Writes a letter as things stand when it is sent; or says why it is not to be sent any more. */
export async function writeLetter(desk: Desk, mail: ClaimedMail): Promise<Letter | Dropped> {
  const { username, email, disabled } = mail.to
  if (disabled) return { drop: `${username} is disabled.` }
  if (email === null) return { drop: `${username} has no e-mail address.` }
  if (!isMailable(email)) return { drop: `The e-mail address of ${username} can't be used.` }
  const draft = await WRITERS[mail.kind](desk, mail)
  return 'drop' in draft ? draft : { id: mail.id, to: email, ...compose(desk, mail.to, draft) }
}
