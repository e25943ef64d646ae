import { isIP } from 'node:net'

/** Who a passkey is made for: browsers give it to this name alone (WebAuthn 3, 5.1.4). */
export interface RelyingParty {
  readonly id: string
  readonly origin: string
}

/** The name that people reach the portal by; undefined where it is one that no browser takes. */
export function findRelyingParty({ hostname, origin, protocol }: URL): RelyingParty | undefined {
  if (isIP(hostname.replaceAll(/[[\]]/g, '')) !== 0) return undefined
  // browsers take plain http for this machine alone (Secure Contexts, 3.1)
  const isLocal = hostname === 'localhost' || hostname.endsWith('.localhost')
  return protocol === 'https:' || isLocal ? { id: hostname, origin } : undefined
}
