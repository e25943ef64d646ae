import { z } from 'zod'
import { count, flag, list, shape, text, type Json } from './json-schema.ts'

/** The text of a CSV file; `dryRun` says what it would do, and does nothing. */
export const userImportBody = z.strictObject({
  csv: z.string().min(1, { error: 'Give the lines of the file.' }),
  dryRun: z.boolean().default(false),
})

const orText: Json = { anyOf: [text, { type: 'null' }] }

/** What an import did, or would do. */
export const USER_IMPORT_SCHEMAS = {
  userImport: shape({
    done: flag,
    counts: shape({ add: count, change: count, same: count, wrong: count }),
    lines: list(
      shape({
        line: count,
        outcome: { type: 'string', enum: ['add', 'change', 'same', 'wrong'] },
        username: orText,
        changes: list(shape({ field: text, before: text, after: text })),
        mistakes: list(shape({ field: orText, message: text })),
      }),
    ),
  }),
} as const
