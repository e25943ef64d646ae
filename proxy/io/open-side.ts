import type { Socket } from 'node:net'
import { DirectSide } from './direct-side.ts'
import type { Side } from './side.ts'
import { StreamSide } from './stream-side.ts'
import { TlsSide } from './tls-side.ts'

/** The fastest side that a socket can have. */
export function openSide(socket: Socket): Side {
  return DirectSide.takeOver(socket) ?? TlsSide.over(socket) ?? new StreamSide(socket)
}
