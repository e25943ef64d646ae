import type { Request, RequestHandler, Response } from 'express'
import { changeGlobalRule, changeRoleTerms, changeSource } from '../../broker/policy/changes.ts'
import { changeLongestWait } from '../../broker/policy/request-life.ts'
import { readPolicy } from '../../broker/policy/reading.ts'
import { changeRetention } from '../../broker/policy/retention.ts'
import type { PortalDeps } from '../deps.ts'
import { NotFound } from '../errors.ts'
import {
  readRequestLife,
  readRetention,
  readRule,
  readSourceTerms,
  readTerms,
} from '../forms/policy.ts'
import {
  presentJustification,
  presentRequestLife,
  presentRetention,
  presentRolePolicy,
  presentSourcePolicy,
  type Tried,
} from '../presenters/policy-forms.ts'
import { mayAdminister, orNotFound } from '../privileges.ts'
import { render } from '../render.ts'
import { flash, openShell } from '../shell.ts'
import { uuidIn } from '../uuid-address.ts'
import { visitOf } from '../visit.ts'
import { form, type ShowForm } from './administration.ts'
import { policyChange } from './policy-form.ts'

const SAVED = 'Saved. What was asked for before keeps the terms it was asked under.'

/** The terms of a role: who approves it, how often, for how long. */
export function roleTermsPages(deps: PortalDeps) {
  const { store } = deps
  const show: ShowForm = async (req, res, posted) => {
    const id = uuidIn(req)
    const { scope } = visitOf(req)
    const policy = await readPolicy(store.db, scope)
    const role = policy.roles.find((each) => each.id === id)
    if (role === undefined) throw new NotFound()
    const shell = await openShell(deps, req, `Role ${role.name}`)
    const proposal = policy.proposals.find((each) => each.role.id === id)
    const material = { ...policy, role, proposal, scope, version: policy.current?.version ?? 0 }
    await render(res, 'roles/policy', presentRolePolicy(shell, material, posted))
  }
  return {
    fresh: form(show),
    create: policyChange({
      show,
      read: readTerms,
      make: async (req, by, asked) => {
        const id = uuidIn(req)
        const { proposal } = await changeRoleTerms(store, by, { id, asked })
        const waits = 'Taking away the last approval takes two admins: it waits for a second one.'
        await flash(req, 'ok', proposal === undefined ? SAVED : waits)
        return `/roles/${id}/policy`
      },
    }),
  }
}

/** What a data source asks of requests, and whether it is offered. */
export function sourceTermsPages(deps: PortalDeps) {
  const { store } = deps
  const show = async (req: Request, res: Response, posted: Tried): Promise<void> => {
    const id = uuidIn(req)
    const policy = await readPolicy(store.db, visitOf(req).scope)
    const source = policy.sources.find((each) => each.id === id)
    if (source === undefined) throw new NotFound()
    const shell = await openShell(deps, req, `Data source ${source.name}`)
    const material = { ...policy, source, version: policy.current?.version ?? 0 }
    await render(res, 'data-sources/policy', presentSourcePolicy(shell, material, posted))
  }
  return {
    fresh: form(show),
    create: policyChange({
      show,
      read: readSourceTerms,
      make: async (req, by, asked) => {
        const id = uuidIn(req)
        await changeSource(store, by, { id, asked })
        await flash(req, 'ok', SAVED)
        return `/data-sources/${id}/policy`
      },
    }),
    trial: trial(show),
    back: back((req) => `/data-sources/${uuidIn(req)}/policy`),
  }
}

/** The justification rule for data sources without one of their own. */
export function justificationPages(deps: PortalDeps) {
  const { store } = deps
  const show = async (req: Request, res: Response, posted: Tried): Promise<void> => {
    const shell = await openShell(deps, req, 'Global justification rule', '/policy')
    const { global, current } = await readPolicy(store.db, visitOf(req).scope)
    const material = {
      rule: global ?? { pattern: '', message: '' },
      version: current?.version ?? 0,
    }
    await render(res, 'policy/justification', presentJustification(shell, material, posted))
  }
  return {
    fresh: form(show),
    create: policyChange({
      show,
      read: readRule,
      make: async (req, by, rule) => {
        await changeGlobalRule(store, by, rule)
        await flash(req, 'ok', SAVED)
        return '/policy'
      },
    }),
    trial: trial(show),
    back: back(() => '/policy/justification'),
  }
}

/** How long a request waits at most where its window counts from approval. */
export function requestLifePages(deps: PortalDeps) {
  const { store } = deps
  const show: ShowForm = async (req, res, posted) => {
    const shell = await openShell(deps, req, 'Time-to-live of requests', '/policy')
    const { requestLifeMinutes, current } = await readPolicy(store.db, visitOf(req).scope)
    const material = { minutes: requestLifeMinutes, version: current?.version ?? 0 }
    await render(res, 'policy/request-life', presentRequestLife(shell, material, posted))
  }
  return {
    fresh: form(show),
    create: policyChange({
      show,
      read: readRequestLife,
      make: async (req, by, minutes) => {
        await changeLongestWait(store, by, minutes)
        await flash(req, 'ok', SAVED)
        return '/policy'
      },
    }),
  }
}

/** How many months recordings are kept. */
export function retentionPages(deps: PortalDeps) {
  const { store } = deps
  const show: ShowForm = async (req, res, posted) => {
    const shell = await openShell(deps, req, 'Keeping of recordings', '/policy')
    const { recordingMonths: months, current } = await readPolicy(store.db, visitOf(req).scope)
    const material = { months, version: current?.version ?? 0 }
    await render(res, 'policy/recordings', presentRetention(shell, material, posted))
  }
  return {
    fresh: form(show),
    create: policyChange({
      show,
      read: readRetention,
      make: async (req, by, months) => {
        await changeRetention(store, by, months)
        await flash(req, 'ok', months === null ? 'Saved. Recordings are kept for ever.' : KEPT)
        return '/policy'
      },
    }),
  }
}

const KEPT = 'Saved. It holds from tomorrow on; until then it can be taken back.'

/** Tries a rule on a text: the form comes back as it was typed, nothing is kept. */
function trial(
  show: (req: Request, res: Response, posted: Tried) => Promise<void>,
): RequestHandler {
  return async (req, res) => {
    orNotFound(mayAdminister(visitOf(req).scope))
    const body: unknown = req.body ?? {}
    await show(req, res, { body, mistakes: {}, tried: true })
  }
}

/** A reload of what a trial answered leads back to its form. */
function back(to: (req: Request) => string): RequestHandler {
  return (req, res) => {
    res.redirect(303, to(req))
  }
}
