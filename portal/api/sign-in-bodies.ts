import { z } from 'zod'
import { terminationBody } from './bodies.ts'

/** Without a reason the answer is `reason_required`, as everywhere. */
export const signInTerminationBody = terminationBody.extend({ lock: z.boolean().default(false) })
