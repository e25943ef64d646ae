import { once } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import { SSL_REQUEST, GSS_REQUEST, startup } from '../support/raw-peer.ts'
import type { Granted } from '../support/granted.ts'
import { randomOf, type Random } from '../walk/random.ts'
import { encodeSaslInitial, encodeSaslResponse } from '../../proxy/wire/to-server.ts'
import { encodeCancel } from '../../proxy/wire/startup.ts'
import { draw, FROM_CLIENT, FROM_SERVER } from './conversations.ts'
import { sink, type Manners } from './fake-server.ts'
import { Line, logIn } from './line.ts'
import { flipBits, mutate, whole } from './mutate.ts'

/** What was done so far, and how connections ended. */
export class Tally {
  fromClients = 0
  fromServers = 0
  connections = 0
  readonly ends = new Map<string, number>()

  ended(how: string): void {
    this.connections += 1
    this.ends.set(how, (this.ends.get(how) ?? 0) + 1)
  }
}

export interface Street {
  readonly port: number
  readonly seed: number
  readonly frames: number
  readonly tally: Tally
}

/** Frames of one connection at most; whoever breaks the framing ends before. */
const FRAMES_A_CONNECTION = 3_000
const BATCH_MOST = 120
/** How long the proxy has to end what it can't read, before we hang up. */
const END_MS = 150
/** Streams of dice: one a connection. */
const STREAMS = {
  client: 1_000_000,
  server: 2_000_000,
  clientLogin: 3_000_000,
  serverLogin: 4_000_000,
}

/** A client that logs in well and then says what nobody should. */
export async function hostileClient(street: Street, user: Granted, number: number): Promise<void> {
  const dice = randomOf(street.seed, STREAMS.client + number)
  const line = Line.to(street.port, someAddress(dice))
  if (!(await logIn(line, user))) {
    street.tally.ended(`login: ${await line.end(END_MS)}`)
    return
  }
  line.deafen()
  street.tally.fromClients += await spray(line, FROM_CLIENT, dice)
  street.tally.ended(await line.end(END_MS))
}

/** What a hostile server does with its next client: counted there, ended by the proxy. */
export function hostileServer(street: Street, number: number): Manners {
  const dice = randomOf(street.seed, STREAMS.server + number)
  return {
    afterLogin: async (line) => {
      line.deafen()
      street.tally.fromServers += await spray(line, FROM_SERVER, dice)
      await line.end(END_MS)
    },
  }
}

/** A well-behaved client of a hostile server. */
export async function victim(street: Street, user: Granted, number: number): Promise<void> {
  const dice = randomOf(street.seed, STREAMS.server + number)
  const line = Line.to(street.port, someAddress(dice))
  if (!(await logIn(line, user))) {
    street.tally.ended(`login: ${await line.end(END_MS)}`)
    return
  }
  line.deafen()
  for (let said = 0; said < 200 && !line.isOver; said += 1) {
    line.socket.write(dice.find(FROM_CLIENT) ?? Buffer.alloc(0))
    await turn()
  }
  street.tally.ended(await line.end(4_000))
}

/** A client that can't even log in properly. */
export async function hostileStranger(
  street: Street,
  user: Granted,
  number: number,
): Promise<void> {
  const dice = randomOf(street.seed, STREAMS.clientLogin + number)
  const line = Line.to(street.port, someAddress(dice))
  line.deafen()
  const packets = [
    dice.number() < 0.3 ? SSL_REQUEST : GSS_REQUEST,
    startup({ user: dice.number() < 0.5 ? user.username : 'nobody', database: 'shop' }),
    encodeSaslInitial('SCRAM-SHA-256', 'n,,n=,r=abcdefghijklmnop'),
    encodeSaslResponse('c=biws,r=abcdefghijklmnop,p=AAAA'),
    encodeCancel(whole(dice, 0, 100_000), Buffer.from('key!')),
  ]
  for (const packet of packets) {
    if (line.isOver) break
    line.socket.write(dice.number() < 0.7 ? flipBits(packet, dice) : packet)
    street.tally.fromClients += 1
    if (dice.number() < 0.5) await turn()
  }
  street.tally.ended(`at login: ${await line.end(END_MS)}`)
}

/** What a server does that breaks the login itself. */
export function hostileHost(street: Street, number: number): Manners {
  const dice = randomOf(street.seed, STREAMS.serverLogin + number)
  return {
    atLogin: (packet) => {
      street.tally.fromServers += 1
      if (dice.number() < 0.6) return packet
      return dice.number() < 0.5 ? flipBits(packet, dice) : mutate(packet, FROM_SERVER, dice).bytes
    },
    afterLogin: sink,
  }
}

/** The client of such a server. */
export async function guest(street: Street, user: Granted, number: number): Promise<void> {
  const line = Line.to(street.port, someAddress(randomOf(street.seed, number)))
  const timer = setTimeout(() => line.socket.destroy(), 1_000)
  await logIn(line, user)
  clearTimeout(timer)
  street.tally.ended(`at the server's login: ${await line.end(END_MS)}`)
}

/** Sends bent messages until the framing is broken or it is enough; returns how many. */
async function spray(line: Line, messages: readonly Buffer[], dice: Random): Promise<number> {
  let sent = 0
  let isBroken = false
  while (!isBroken && sent < FRAMES_A_CONNECTION && !line.isOver) {
    const batch: Buffer[] = []
    for (const message of draw(messages, whole(dice, 1, BATCH_MOST), dice)) {
      const { bytes, breaksFraming } = mutate(message, messages, dice)
      batch.push(bytes)
      // a few more behind it: a reader that lost its way must not find it again by chance
      isBroken ||= breaksFraming
    }
    sent += batch.length
    for (const piece of pieces(Buffer.concat(batch), dice)) {
      if (!line.socket.write(piece)) await Promise.race([once(line.socket, 'drain'), closed(line)])
    }
    await turn()
  }
  return sent
}

/** Cut wherever the network might. */
function pieces(bytes: Buffer, dice: Random): Buffer[] {
  const cut = whole(dice, 0, bytes.length)
  return dice.number() < 0.5 ? [bytes] : [bytes.subarray(0, cut), bytes.subarray(cut)]
}

function closed({ socket }: Line): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed) resolve()
    else socket.once('close', () => resolve())
  })
}

function someAddress(dice: Random): string {
  return `127.${String(whole(dice, 1, 250))}.${String(whole(dice, 1, 250))}.${String(whole(dice, 1, 250))}`
}
