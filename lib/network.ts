import { isIPv6 } from 'node:net'

/** Whoever has one address of IPv6 has a network of so many groups, a /64. */
const NETWORK_GROUPS = 4

/** An address of IPv4 as a socket for both tells it (RFC 4291, 2.5.5.2). */
const MAPPED = /^::ffff:(?=\d+\.)/i

/** What is counted as one: an address of IPv4, and of IPv6 the network, whose addresses are free to take. */
export function networkOf(told: string): string {
  const address = told.replace(MAPPED, '')
  if (!isIPv6(address)) return address
  const [head = '', tail] = address.split('::')
  const groups = head.split(':')
  const zeros = tail === undefined ? [] : Array<string>(NETWORK_GROUPS).fill('0')
  return [...groups, ...zeros].slice(0, NETWORK_GROUPS).join(':')
}
