import type { Request, RequestHandler } from 'express'
import type { z } from 'zod'
import { changeGlobalRule, changeGroupTerms, changeRoleTerms } from '../../broker/policy/changes.ts'
import { changeSource, type AskedGroup } from '../../broker/policy/changes.ts'
import type { PolicyChanger } from '../../broker/policy/changer.ts'
import { changeLongestWait } from '../../broker/policy/request-life.ts'
import { changeRetention } from '../../broker/policy/retention.ts'
import { applyProposal, rejectProposal, withdrawProposal } from '../../broker/policy/proposals.ts'
import { readPolicy } from '../../broker/policy/reading.ts'
import { justificationFault } from '../../broker/policy/policy.ts'
import { findPolicyVersion, listPolicyVersions } from '../../db/policy-versions.ts'
import { named } from '../administration/rules.ts'
import type { PortalDeps } from '../deps.ts'
import { NotFound } from '../errors.ts'
import { readBody } from '../forms/body.ts'
import { fieldsOf } from '../forms/fields.ts'
import { versionFrom } from '../forms/policy.ts'
import { dataSourceJson, groupJson, roleJson } from '../presenters/admin-json.ts'
import * as json from '../presenters/policy-json.ts'
import { mayAdminister, mayOversee, orNotEntitled } from '../privileges.ts'
import { uuidIn } from '../uuid-address.ts'
import { visitOf } from '../visit.ts'
import * as bodies from './bodies.ts'

const PAGE_SIZE = 50

/** The policy as JSON: what is in force, and what was. */
export function policyReadingApi({ store: { db } }: PortalDeps) {
  return {
    show: reading(async (req) => {
      const { scope } = visitOf(req)
      return json.policyJson(await readPolicy(db, scope), scope)
    }),
    versions: reading(async (req) => {
      const before = versionFrom(fieldsOf(req.query).text('cursor'))
      const page = await listPolicyVersions(db, visitOf(req).scope, {
        limit: PAGE_SIZE,
        ...(before === undefined ? {} : { before }),
      })
      const last = page.length === PAGE_SIZE ? page.at(-1) : undefined
      return {
        versions: page.map(json.policyChangeJson),
        next: last === undefined ? null : String(last.version),
      }
    }),
    version: reading(async (req) => {
      const version = versionFrom(req.params['version'])
      const found =
        version === undefined ? undefined : await findPolicyVersion(db, visitOf(req).scope, version)
      if (found === undefined) throw new NotFound()
      return json.policyVersionJson(found)
    }),
  }
}

/** Changes of the policy as JSON, for admins. */
export function policyChangesApi({ store }: PortalDeps) {
  return {
    changeRole: change(bodies.rolePolicyBody, async (by, id, asked) => {
      const { role, proposal } = await changeRoleTerms(store, by, { id, asked })
      return {
        ...roleJson(role),
        proposal: proposal === undefined ? null : json.proposalJson(proposal),
      }
    }),
    defineGroup: change(bodies.groupDefinitionBody, (by, id, asked) => group(by, id, asked)),
    addMembers: change(bodies.membersBody, (by, id, { members }) =>
      group(by, id, { added: members }),
    ),
    removeMembers: change(bodies.membersBody, (by, id, { members }) =>
      group(by, id, { removed: members }),
    ),
    changeSource: change(bodies.sourcePolicyBody, async (by, id, asked) =>
      dataSourceJson(await changeSource(store, by, { id, asked }), by.scope),
    ),
    changeJustification: adminOnly(async (req) => {
      const { policyVersion, ...rule } = readBody(req, bodies.justificationBody)
      await changeGlobalRule(store, { ...visitOf(req), version: policyVersion }, rule)
      return rule
    }),
    changeRequestLife: adminOnly(async (req) => {
      const { policyVersion, minutes } = readBody(req, bodies.requestLifeBody)
      await changeLongestWait(store, { ...visitOf(req), version: policyVersion }, minutes)
      return { minutes }
    }),
    changeRetention: adminOnly(async (req) => {
      const { policyVersion, months } = readBody(req, bodies.retentionBody)
      await changeRetention(store, { ...visitOf(req), version: policyVersion }, months)
      return { months }
    }),
    tryJustification: adminOnly((req) => {
      const { text, ...rule } = readBody(req, bodies.trialBody)
      const sentence = justificationFault(text, rule) ?? null
      return Promise.resolve({ fits: sentence === null, sentence })
    }),
    apply: change(bodies.proposalBody, async (by, id) =>
      roleJson(await applyProposal(store, by, id)),
    ),
    reject: change(bodies.rejectionBody, async (by, id, { reason }) =>
      json.proposalJson(await rejectProposal(store, by, { id, reason })),
    ),
    withdraw: change(bodies.proposalBody, async (by, id) =>
      json.proposalJson(await withdrawProposal(store, by, id)),
    ),
  }

  async function group(by: PolicyChanger, id: string, asked: AskedGroup) {
    return groupJson(await named(changeGroupTerms(store, by, { id, asked })))
  }
}

type Answer = Record<string, unknown>

function reading(work: (req: Request) => Promise<Answer>): RequestHandler {
  return async (req, res) => {
    orNotEntitled(mayOversee(visitOf(req).scope))
    res.json(await work(req))
  }
}

/** The right is asked before the body is looked at. */
function adminOnly(work: (req: Request) => Promise<Answer>): RequestHandler {
  return async (req, res) => {
    orNotEntitled(mayAdminister(visitOf(req).scope))
    res.json(await work(req))
  }
}

/** A change of what the address names, made from the version that the body says. */
function change<Body extends { readonly policyVersion?: number | undefined }>(
  schema: z.ZodType<Body>,
  work: (by: PolicyChanger, id: string, body: Omit<Body, 'policyVersion'>) => Promise<Answer>,
): RequestHandler {
  return adminOnly((req) => {
    const { policyVersion, ...asked } = readBody(req, schema)
    return work({ ...visitOf(req), version: policyVersion }, uuidIn(req), asked)
  })
}
