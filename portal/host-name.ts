import { Resolver } from 'node:dns/promises'
import { BlockList, isIP } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { noteHost } from '../db/sign-ins.ts'
import { sentenceOf } from '../lib/errors.ts'
import type { PortalDeps } from './deps.ts'

/** A name server that has not answered by then is not asked again. */
const DEADLINE_MS = 3_000
/** RFC 1035, 2.3.4. */
const NAME_MOST = 253

const OUR_OWN = new BlockList()
OUR_OWN.addSubnet('127.0.0.0', 8)
OUR_OWN.addAddress('::1', 'ipv6')

/**
 * Keeps, beside a sign-in that has started, the name that its address has in the DNS now. Nobody waits
 * for it, and a name server that is silent or wrong changes nothing: whoever owns an address also says
 * what it is called, so the name is a hint for readers and proves nothing.
 */
export function keepHostName(
  deps: PortalDeps,
  { id, address }: { readonly id: string; readonly address: string },
): void {
  const find = deps.findHostName ?? findInDns
  const late = sleep(DEADLINE_MS, undefined, { ref: false })
  Promise.race([find(address), late])
    .then((host) => (host === undefined ? undefined : noteHost(deps.store.db, id, host)))
    .catch((error: unknown) => {
      deps.log.debug({ signInId: id, error: sentenceOf(error) }, 'a host name was not kept')
    })
}

async function findInDns(address: string): Promise<string | undefined> {
  const family = isIP(address)
  if (family === 0 || OUR_OWN.check(address, family === 4 ? 'ipv4' : 'ipv6')) return undefined
  const resolver = new Resolver({ timeout: DEADLINE_MS, tries: 1 })
  const [name] = await resolver.reverse(address)
  return name?.slice(0, NAME_MOST)
}
