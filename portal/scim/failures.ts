import type { ErrorRequestHandler } from 'express'
import type { PortalDeps } from '../deps.ts'
import type { Failure } from '../errors.ts'
import { announce, noted } from '../failures.ts'
import { sendScim } from './answers.ts'
import { ScimError, type ScimType } from './errors.ts'
import { ERROR } from './urns.ts'

/** What SCIM calls 400 has finer names elsewhere in the portal. */
const UNPROCESSABLE = 422

/** Answers with an error of SCIM (RFC 7644, 3.12), whatever went wrong. */
export function answerScimError(deps: PortalDeps): ErrorRequestHandler {
  return async (thrown, req, res, next) => {
    if (thrown instanceof ScimError) {
      const { status, message, scimType } = thrown
      sendScim(res.status(status), errorJson({ status, sentence: message, scimType }))
      return
    }
    const failure = await noted(deps, req, thrown)
    if (res.headersSent) {
      next(thrown)
      return
    }
    announce(res, failure)
    sendScim(res, errorJson(translated(failure)))
  }
}

interface Refusal {
  readonly status: number
  readonly sentence: string
  readonly scimType?: ScimType | undefined
}

function translated({ status, code, sentence }: Failure): Refusal {
  if (status === UNPROCESSABLE) return { status: 400, sentence, scimType: 'invalidValue' }
  if (code === 'malformed_request') return { status, sentence, scimType: 'invalidSyntax' }
  return { status, sentence }
}

function errorJson({ status, sentence, scimType }: Refusal) {
  return {
    schemas: [ERROR],
    status: String(status),
    ...(scimType === undefined ? {} : { scimType }),
    detail: sentence,
  }
}
