import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server'
import { z } from 'zod'

const bytes = z
  .string()
  .regex(/^[A-Za-z0-9_-]+$/)
  .max(20_000)
const credential = { id: bytes, rawId: bytes, type: z.literal('public-key') }

const assertion = z.object({
  ...credential,
  response: z.object({ clientDataJSON: bytes, authenticatorData: bytes, signature: bytes }),
})

const attestation = z.object({
  ...credential,
  response: z.object({
    clientDataJSON: bytes,
    attestationObject: bytes,
    transports: z.array(z.string().max(20)).max(10).catch([]),
  }),
})

/** What an authenticator signed, as the page's script posts it; undefined for anything else. */
export function readAssertion(text: string): AuthenticationResponseJSON | undefined {
  const read = assertion.safeParse(jsonOf(text))
  return read.success ? { ...read.data, clientExtensionResults: {} } : undefined
}

/** What an authenticator says of a new passkey; undefined for anything else. */
export function readAttestation(
  text: string,
): { readonly answer: RegistrationResponseJSON; readonly transports: string[] } | undefined {
  const read = attestation.safeParse(jsonOf(text))
  if (!read.success) return undefined
  const { transports, ...response } = read.data.response
  return { answer: { ...read.data, response, clientExtensionResults: {} }, transports }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
