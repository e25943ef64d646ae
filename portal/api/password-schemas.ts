import { flag, instant, list, orNull, shape, text, type Json } from './json-schema.ts'

const purpose: Json = { enum: ['invitation', 'reset'] }

/** What the API answers of passwords. */
export const PASSWORD_SCHEMAS = {
  passwordState: shape({
    isSet: flag,
    changedAt: orNull(instant),
    mustChange: flag,
    links: list(
      shape({ purpose, createdBy: orNull(text), createdAt: instant, expiresAt: instant }),
    ),
  }),
  passwordLink: shape({ purpose, expiresAt: instant, mailed: flag, url: orNull(text) }),
} as const satisfies Readonly<Record<string, Json>>
