import type { RequestHandler } from 'express'
import { isAuditUser } from '../../db/audit-filter.ts'
import { getTimeZone } from '../../db/settings.ts'
import { listSignInRecords } from '../../db/sign-in-records.ts'
import { listSignIns } from '../../db/sign-in-lists.ts'
import { getSignIn, terminateSignIn } from '../administration/sign-ins.ts'
import type { PortalDeps } from '../deps.ts'
import { InvalidRequest, NotFound } from '../errors.ts'
import { placeText } from '../forms/audit-cursor.ts'
import { readBody } from '../forms/body.ts'
import { readSignInList, signInPlaceText } from '../forms/sign-in-list.ts'
import { readOperationSearch } from '../forms/sign-in-operations.ts'
import { endOwn, endOwnOthers, listOwn } from '../own-sign-ins.ts'
import { presentRecordJson } from '../presenters/audit-json.ts'
import { signInJson } from '../presenters/sign-in-json.ts'
import { mayEndSignIns, maySeeSignIns, orNotEntitled } from '../privileges.ts'
import { visitOf } from '../visit.ts'
import { nothingBody } from './bodies.ts'
import { signInTerminationBody } from './sign-in-bodies.ts'

/** Sign-ins of the portal as JSON: who, from where, what they did, and the end of it. */
export function signInsApi(deps: PortalDeps) {
  const { db } = deps.store

  const index: RequestHandler = async (req, res) => {
    const { scope } = visitOf(req)
    orNotEntitled(maySeeSignIns(scope))
    const form = readSignInList(req.query, { central: await getTimeZone(db) })
    if (Object.keys(form.mistakes).length > 0) throw new InvalidRequest(form.mistakes)
    const { signIns, next } = await listSignIns(db, scope, form.filter, { cursor: form.place })
    res.json({
      signIns: signIns.map(signInJson),
      next: next === undefined ? null : signInPlaceText(next),
    })
  }

  const show: RequestHandler = async (req, res) => {
    const { scope } = visitOf(req)
    orNotEntitled(maySeeSignIns(scope))
    res.json(signInJson(await getSignIn(deps, scope, req.params['id'])))
  }

  /** The trail is for Audit Users, here as on the Audit tab. */
  const records: RequestHandler = async (req, res) => {
    const { scope } = visitOf(req)
    if (!deps.config.portal.mode || !isAuditUser(scope)) throw new NotFound()
    const signIn = await getSignIn(deps, scope, req.params['id'])
    const search = readOperationSearch(req.query, { q: 'q', cursor: 'cursor' })
    if (search.mistake !== undefined) throw new InvalidRequest({ q: search.mistake })
    const { q, place } = search
    const found = await listSignInRecords(db, scope, signIn, { q, cursor: place })
    const position = (place?.position ?? 0) + found.records.length
    res.json({
      records: found.records.map(presentRecordJson),
      next: found.next === undefined ? null : placeText({ ...found.next, position }),
    })
  }

  const terminate: RequestHandler = async (req, res) => {
    const visit = visitOf(req)
    orNotEntitled(mayEndSignIns(visit.scope))
    const signIn = await getSignIn(deps, visit.scope, req.params['id'])
    const { reason, lock } = readBody(req, signInTerminationBody)
    await terminateSignIn(deps, visit, signIn, { reason: reason.trim(), lock })
    res.json(signInJson(await getSignIn(deps, visit.scope, signIn.id)))
  }

  const own: RequestHandler = async (req, res) => {
    const signIns = await listOwn(deps, visitOf(req))
    res.json({ signIns: signIns.map(signInJson), next: null })
  }

  const endOneOfOwn: RequestHandler = async (req, res) => {
    readBody(req, nothingBody)
    const visit = visitOf(req)
    const { id } = req.params
    await endOwn(deps, visit, id)
    res.json(signInJson(await getSignIn(deps, visit.scope, id)))
  }

  const endOthers: RequestHandler = async (req, res) => {
    readBody(req, nothingBody)
    res.json({ ended: await endOwnOthers(deps, visitOf(req)) })
  }

  return { index, show, records, terminate, own, endOwn: endOneOfOwn, endOthers }
}
