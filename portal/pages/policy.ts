import type { Request, RequestHandler } from 'express'
import { applyProposal, rejectProposal, withdrawProposal } from '../../broker/policy/proposals.ts'
import { readPolicy } from '../../broker/policy/reading.ts'
import {
  findCurrentVersion,
  findPolicyVersion,
  listPolicyVersions,
} from '../../db/policy-versions.ts'
import type { PortalDeps } from '../deps.ts'
import { NotFound } from '../errors.ts'
import { fieldsOf } from '../forms/fields.ts'
import { versionFrom } from '../forms/policy.ts'
import { presentPolicy, presentPolicyVersion } from '../presenters/policy.ts'
import { counted } from '../presenters/counted.ts'
import { mayAdminister, mayOversee, orNotFound } from '../privileges.ts'
import { render } from '../render.ts'
import { flash, openShell } from '../shell.ts'
import { uuidIn } from '../uuid-address.ts'
import { visitOf } from '../visit.ts'

const PAGE_SIZE = 20

/** The policy: who may get what by whose approval, and how it came to be so. */
export function policyPages(deps: PortalDeps) {
  const { db } = deps.store
  const index: RequestHandler = async (req, res) => {
    const { scope } = visitOf(req)
    orNotFound(mayOversee(scope))
    const before = versionFrom(fieldsOf(req.query).text('before'))
    const [shell, policy, found] = await Promise.all([
      openShell(deps, req, 'Policy'),
      readPolicy(db, scope),
      listPolicyVersions(db, scope, {
        limit: PAGE_SIZE + 1,
        ...(before === undefined ? {} : { before }),
      }),
    ])
    const versions = found.slice(0, PAGE_SIZE)
    const older = found.length > PAGE_SIZE ? versions.at(-1)?.version : undefined
    await render(res, 'policy/index', presentPolicy(shell, scope, { policy, versions, older }))
  }
  const version: RequestHandler = async (req, res) => {
    const { scope } = visitOf(req)
    orNotFound(mayOversee(scope))
    const number = versionFrom(req.params['version'])
    const found = number === undefined ? undefined : await findPolicyVersion(db, scope, number)
    if (found === undefined) throw new NotFound()
    const [shell, before, current] = await Promise.all([
      openShell(deps, req, `Policy version ${found.version}`),
      findPolicyVersion(db, scope, found.version - 1),
      findCurrentVersion(db, scope.organization.id),
    ])
    const material = { version: found, before, current: current?.version ?? found.version }
    await render(res, 'policy/version', presentPolicyVersion(shell, material))
  }
  return { index, version, ...proposalActions(deps) }
}

function proposalActions({ store }: PortalDeps) {
  return {
    apply: decision(async (req) => {
      const role = await applyProposal(store, visitOf(req), uuidIn(req))
      return `Applied: ${role.name} takes ${counted(role.approvalsNeeded, 'approval')} now.`
    }),
    reject: decision(async (req) => {
      const reason = fieldsOf(req.body).text('reason')
      const { summary } = await rejectProposal(store, visitOf(req), { id: uuidIn(req), reason })
      return `Rejected: ${summary}.`
    }),
    withdraw: decision(async (req) => {
      const { summary } = await withdrawProposal(store, visitOf(req), uuidIn(req))
      return `Withdrawn: ${summary}.`
    }),
  }
}

function decision(work: (req: Request) => Promise<string>): RequestHandler {
  return async (req, res) => {
    orNotFound(mayAdminister(visitOf(req).scope))
    await flash(req, 'ok', await work(req))
    res.redirect(303, '/policy')
  }
}
