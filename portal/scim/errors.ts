import { AppError } from '../../lib/errors.ts'

/** What went wrong, in the words of RFC 7644, table 9. */
export type ScimType =
  | 'invalidFilter'
  | 'uniqueness'
  | 'mutability'
  | 'invalidSyntax'
  | 'invalidPath'
  | 'noTarget'
  | 'invalidValue'

/** A refusal in SCIM's own terms; everything else the portal refuses is translated to one. */
export class ScimError extends AppError {
  readonly status: number
  readonly scimType: ScimType | undefined

  constructor(status: number, sentence: string, scimType?: ScimType) {
    super(scimType ?? `scim_${status}`, sentence)
    this.status = status
    this.scimType = scimType
  }
}

/** The body, its types or its place are not what SCIM says (400). */
export function badSyntax(sentence: string): ScimError {
  return new ScimError(400, sentence, 'invalidSyntax')
}

/** A value that the attribute can't have (400). */
export function badValue(sentence: string): ScimError {
  return new ScimError(400, sentence, 'invalidValue')
}

/** The name is somebody's already (409). */
export function taken(sentence: string): ScimError {
  return new ScimError(409, sentence, 'uniqueness')
}
