import type { RequestHandler } from 'express'
import { findComparison, listResidue } from '../../db/residue.ts'
import type { PortalDeps } from '../deps.ts'
import { residueJson } from '../presenters/residue.ts'
import { getSessionIn } from '../session-address.ts'
import { visitOf } from '../visit.ts'

/** What a session left behind, as JSON. */
export function residueApi(deps: PortalDeps): { readonly ofSession: RequestHandler } {
  const { db } = deps.store
  return {
    ofSession: async (req, res) => {
      const { scope } = visitOf(req)
      const { id } = await getSessionIn(req, deps)
      const comparison = await findComparison(db, scope, id)
      res.json(residueJson({ comparison, residue: await listResidue(db, scope, id) }))
    },
  }
}
