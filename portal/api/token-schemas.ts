import { TOKEN_SCOPES } from '../../db/tokens.ts'
import { count, flag, instant, list, named, orNull, shape, text, type Json } from './json-schema.ts'

const TOKEN: Readonly<Record<string, Json>> = {
  id: text,
  name: text,
  username: text,
  prefix: orNull(text),
  suffix: orNull(text),
  scopes: list({ enum: TOKEN_SCOPES }),
  state: { enum: ['live', 'expired', 'ended'] },
  createdAt: instant,
  createdBy: orNull(text),
  expiresAt: orNull(instant),
  lastUsedAt: orNull(instant),
  lastUsedIp: orNull(text),
  endedAt: orNull(instant),
  endedBy: orNull(text),
}

/** What the API answers of tokens and applications. */
export const TOKEN_SCHEMAS = {
  token: shape(TOKEN),
  freshToken: shape({ ...TOKEN, token: text }),
  tokens: shape({ tokens: list(named('token')) }),
  application: shape({
    id: text,
    username: text,
    displayName: text,
    purpose: text,
    owner: text,
    auditUser: flag,
    managementPrivilege: { enum: ['none', 'read_only', 'admin'] },
    disabledAt: orNull(instant),
    outAs: orNull({ enum: ['locked', 'disabled', 'expired', 'deleted'] }),
    createdAt: instant,
    createdBy: orNull(text),
    liveTokens: count,
    lastUsedAt: orNull(instant),
  }),
  applications: shape({ applications: list(named('application')) }),
} as const satisfies Readonly<Record<string, Json>>
