import type { SignIn } from '../../db/sign-in-lists.ts'
import type { Shell } from '../shell.ts'
import { presentMoment } from './moments.ts'
import type { OwnSignInRow, OwnSignInsPage } from './sign-in-pages.ts'
import { METHODS } from './sign-in-words.ts'
import { visible } from './visible.ts'

/** A person's own sign-ins; the one they use now can't be ended here. */
export function presentOwnSignIns(
  { page, zones }: Shell,
  signIns: readonly SignIn[],
  currentId: string | undefined,
): OwnSignInsPage {
  const present = (signIn: SignIn): OwnSignInRow => ({
    id: signIn.id,
    current: signIn.id === currentId,
    started: presentMoment(signIn.startedAt, zones),
    lastSeen: presentMoment(signIn.lastSeenAt, zones),
    from: visible([signIn.clientIp ?? 'not known', signIn.host ?? ''].join(' ').trim()),
    browser: visible(signIn.userAgent ?? 'not known'),
    method: METHODS[signIn.authMethod],
    endHref: signIn.id === currentId ? undefined : `/account/sign-ins/${signIn.id}/termination`,
  })
  const rows = signIns.map(present)
  return {
    page,
    rows,
    endOthersHref: rows.some(({ current }) => !current)
      ? '/account/sign-ins/termination'
      : undefined,
  }
}
