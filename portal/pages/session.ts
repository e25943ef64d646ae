import type { Request, RequestHandler, Response } from 'express'
import { makeCredential } from '../../broker/sessions/credentials.ts'
import { approve, cancel, deny, terminate } from '../../broker/sessions/lifecycle.ts'
import type { Session } from '../../broker/sessions/session.ts'
import { listSessionRecords } from '../../db/audit-search.ts'
import { listChecksOf } from '../../db/data-source-checks.ts'
import { findDataSource } from '../../db/data-sources.ts'
import { findComparison, listResidue } from '../../db/residue.ts'
import { listCredentials } from '../../db/session-credentials.ts'
import { storeTime } from '../../db/store.ts'
import { connectionFor, proxyAddress } from '../connection-string.ts'
import type { PortalDeps } from '../deps.ts'
import { mistakesOf } from '../errors.ts'
import { readExtensions } from '../extension.ts'
import { fieldsOf } from '../forms/fields.ts'
import { takeTyped } from '../mfa/step-up.ts'
import { readNames } from '../names.ts'
import { presentExtension, type ReturnedExtension } from '../presenters/extension.ts'
import { presentResidue } from '../presenters/residue.ts'
import { presentRunning } from '../presenters/running.ts'
import type { Returned } from '../presenters/session-forms.ts'
import { presentSession } from '../presenters/session-page.ts'
import type { Credential } from '../presenters/session-pages.ts'
import { readRecorded } from '../recorded.ts'
import { readRunning } from '../recording.ts'
import { render } from '../render.ts'
import { listDescriptions } from '../role-descriptions.ts'
import { getSessionIn, ownSessionIdIn, sessionIdIn } from '../session-address.ts'
import { flash, openShell } from '../shell.ts'
import { visitOf } from '../visit.ts'

/** One session: its page, and the resources that posting to makes: decisions, endings, credentials. */
export function sessionPages(deps: PortalDeps) {
  const { store } = deps

  const show: RequestHandler = async (req, res) => {
    const session = await getSessionIn(req, deps)
    const returned = takeTyped(req)
    await renderSession(deps, req, res, session, returned === undefined ? {} : { returned })
  }

  const credential: RequestHandler = async (req, res) => {
    const { scope, origin } = visitOf(req)
    const made = await makeCredential(store, scope, origin, await ownSessionIdIn(req, deps))
    await renderSession(deps, req, res, made.session, { credential: connectionFor(deps, made) })
  }

  return {
    show,
    credential,
    /** Reloading the answer to a post lands here. */
    back: ((req, res) => res.redirect(303, `/sessions/${sessionIdIn(req)}`)) as RequestHandler,
    approve: change(deps, 'approval', async (req) => {
      const { scope, origin } = visitOf(req)
      const fields = fieldsOf(req.body)
      const roles = fields.list('roles')
      const comment = fields.text('comment')
      const session = await approve(store, scope, origin, sessionIdIn(req), {
        ...(roles.length === 0 ? {} : { roles }),
        ...(comment === '' ? {} : { comment }),
      })
      const standing =
        session.state === 'CREATED' ? 'still waits for other approvals' : 'has all its approvals'
      return { said: `Approved. Session ${session.id} ${standing}.`, next: QUEUE }
    }),
    deny: change(deps, 'denial', async (req) => {
      const { scope, origin } = visitOf(req)
      const reason = fieldsOf(req.body).text('reason')
      const { id, requester } = await deny(store, scope, origin, sessionIdIn(req), { reason })
      return {
        said: `Denied. Session ${id} is over, and ${requester.username} sees your reason.`,
        next: QUEUE,
      }
    }),
    cancel: change(deps, 'cancellation', async (req) => {
      const { scope, origin } = visitOf(req)
      const reason = fieldsOf(req.body).text('reason')
      const command = reason === '' ? {} : { reason }
      const ended = await cancel(store, scope, origin, sessionIdIn(req), command)
      return { said: `Canceled. ${whatEnds(ended)}` }
    }),
    terminate: change(deps, 'termination', async (req) => {
      const { scope, origin } = visitOf(req)
      const reason = fieldsOf(req.body).text('reason')
      const ended = await terminate(store, scope, origin, sessionIdIn(req), { reason })
      return { said: `Terminated. ${whatEnds(ended)}` }
    }),
  }
}

/** Who has decided goes on with what else waits. */
export const QUEUE = '/approvals'

/** What was done, in a sentence, and where its reader goes on; absent: at the session. */
export interface Done {
  readonly said: string
  readonly next?: string
}

function whatEnds({ grantedAt }: Session): string {
  return grantedAt === null
    ? 'It was never granted, so there is nothing to remove.'
    : 'Its connections are being cut, and its user is removed next: this page says when it is gone.'
}

/** Does what was posted and goes on, or shows the session's page again with what to mend. */
function change(
  deps: PortalDeps,
  action: Returned['action'],
  work: (req: Request) => Promise<Done>,
): RequestHandler {
  return async (req, res) => {
    let done: Done
    try {
      done = await work(req)
    } catch (error) {
      const mistakes = mistakesOf(error)
      if (Object.keys(mistakes).length === 0) throw error
      const fields = fieldsOf(req.body)
      const typed = { comment: fields.text('comment'), reason: fields.text('reason') }
      res.status(422)
      const session = await getSessionIn(req, deps)
      return renderSession(deps, req, res, session, { returned: { action, typed, mistakes } })
    }
    await flash(req, 'ok', done.said)
    res.redirect(303, done.next ?? `/sessions/${sessionIdIn(req)}`)
  }
}

/** The page of a session, with what a post made or gave back. */
export async function renderSession(
  deps: PortalDeps,
  req: Request,
  res: Response,
  session: Session,
  more: {
    readonly credential?: Credential
    readonly returned?: Returned
    readonly returnedExtension?: ReturnedExtension
  } = {},
): Promise<void> {
  const { db } = deps.store
  const visit = visitOf(req)
  const { scope } = visit
  const recorded = await readRecorded(deps, req, session)
  const running = await readRunning(deps, visit, session)
  const [shell, records, credentials, descriptions, source, now] = await Promise.all([
    openShell(deps, req, `Session ${session.id}`),
    listSessionRecords(db, scope, session.id),
    listCredentials(db, scope, session.id),
    listDescriptions(db, scope, session.dataSource.id),
    findDataSource(db, scope, session.dataSource.id),
    storeTime(db),
  ])
  const checks = await listChecksOf(db, scope, session.id)
  const read = await readExtensions(deps, req, session)
  const roles = [session, ...read.extensions].flatMap((asked) => asked.roles)
  const names = await readNames(db, scope, { roles, records })
  const look = { scope, zones: shell.zones, now, names }
  const { connections } = recorded
  const page = presentSession({
    ...more,
    shell,
    look,
    session,
    extension: presentExtension(session, {
      ...read,
      look,
      descriptions,
      returned: more.returnedExtension,
    }),
    residue: presentResidue(session, {
      comparison: await findComparison(db, scope, session.id),
      residue: await listResidue(db, scope, session.id),
      owner: source?.residueOwner,
      zones: shell.zones,
    }),
    records,
    recorded,
    running: presentRunning(running, { session, connections, look }),
    descriptions,
    source,
    proxy: proxyAddress(deps),
    checks,
    credentialMadeAt: credentials.find(({ endedAt }) => endedAt === null)?.madeAt,
  })
  await render(res, 'sessions/show', page)
}
