import type { Operations } from './operation.ts'
import { userImportBody } from './user-import-schemas.ts'

/** Users from a CSV file. */
export const USER_IMPORT_OPERATIONS: Operations = {
  '/users/import': {
    post: {
      summary: 'Add and change users by a CSV file, or say what it would do',
      body: userImportBody,
      answer: 'userImport',
      errors: [403, 409, 422],
    },
  },
}
