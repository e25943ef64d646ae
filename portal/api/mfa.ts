import type { RequestHandler } from 'express'
import { listFactors } from '../../db/mfa-factors.ts'
import { getMfaPolicy, STEP_UPS, type MfaPolicy } from '../../db/mfa-policy.ts'
import { changeMfa, resetMfa } from '../administration/mfa.ts'
import type { PortalDeps } from '../deps.ts'
import { readBody } from '../forms/body.ts'
import { addressOf } from '../mfa/demand.ts'
import { mfaPolicyJson, personFactorsJson } from '../presenters/mfa-json.ts'
import { mayAdminister, maySeeAdministration, orNotEntitled } from '../privileges.ts'
import { getChangeableUserIn } from '../user-address.ts'
import { visitOf } from '../visit.ts'
import { mfaPolicyBody, mfaResetBody } from './mfa-bodies.ts'

/** Second factors as JSON: what is asked of whom, who has what, and taking it away. */
export function mfaApi(deps: PortalDeps) {
  const { db } = deps.store

  const show: RequestHandler = async (req, res) => {
    const { scope } = visitOf(req)
    orNotEntitled(maySeeAdministration(scope))
    res.json(mfaPolicyJson(await getMfaPolicy(db, scope.organization.id)))
  }

  const change: RequestHandler = async (req, res) => {
    const visit = visitOf(req)
    orNotEntitled(mayAdminister(visit.scope))
    const body = readBody(req, mfaPolicyBody)
    const asked = given({
      ...body,
      stepUp: body.stepUp && STEP_UPS.filter((name) => body.stepUp?.includes(name)),
    })
    await changeMfa(deps, { ...visit, address: addressOf(req) }, asked)
    res.json(mfaPolicyJson(await getMfaPolicy(db, visit.scope.organization.id)))
  }

  const people: RequestHandler = async (req, res) => {
    const { scope } = visitOf(req)
    orNotEntitled(maySeeAdministration(scope))
    res.json({ users: (await listFactors(db, scope)).map(personFactorsJson) })
  }

  const reset: RequestHandler = async (req, res) => {
    const visit = visitOf(req)
    orNotEntitled(mayAdminister(visit.scope))
    const person = await getChangeableUserIn(req, deps)
    await resetMfa(deps, visit, { person, reason: readBody(req, mfaResetBody).reason })
    const all = await listFactors(db, visit.scope)
    const left = all.filter(({ username }) => username === person.username)
    res.json({ users: left.map(personFactorsJson) })
  }

  return { show, change, people, reset }
}

type Loose = { readonly [Key in keyof MfaPolicy]?: MfaPolicy[Key] | undefined }

/** What is left out stays as it is, so it must not be there as undefined. */
function given({ requiredFor, stepUp, totp, trustedRanges, trustedMode }: Loose) {
  return {
    ...(requiredFor === undefined ? {} : { requiredFor }),
    ...(stepUp === undefined ? {} : { stepUp }),
    ...(totp === undefined ? {} : { totp }),
    ...(trustedRanges === undefined ? {} : { trustedRanges }),
    ...(trustedMode === undefined ? {} : { trustedMode }),
  }
}
