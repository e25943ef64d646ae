import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import { int32, message } from '../../support/wire-messages.ts'
import { startupPacket } from './frontend.ts'
import type { Heard, RawClient } from './raw-client.ts'

/** A login with a part replaced by what a test makes of it. */
export interface Login {
  readonly user: string
  readonly secret: string
  readonly database: string
  readonly parameters?: readonly (readonly [name: string, value: string | Buffer])[]
  readonly minor?: number
}

/** An answer to the login that is not the one wanted. */
export class LoginRefused extends Error {
  readonly heard: Heard

  constructor(heard: Heard) {
    super(`refused: ${heard.body.toString('latin1').replaceAll('\0', ' ')}`)
    this.heard = heard
  }
}

export const NONCE = 'fyko+d2lbbFgONRv9qkxdawL'

/** Logs in and waits for the first ReadyForQuery; what was heard stays in `heard`. */
export async function logIn(client: RawClient, login: Login): Promise<void> {
  const { user, database, parameters = [], minor = 0 } = login
  client.say(startupPacket([['user', user], ['database', database], ...parameters], { minor }))
  await authenticate(client, login.secret)
  for (const { type, body } of await refusedOr(client, 'Z')) {
    if (type !== 'K') continue
    client.pid = body.readInt32BE(0)
    client.key = Buffer.from(body.subarray(4))
  }
}

/** The SCRAM-SHA-256 exchange, from the server's offer to AuthenticationOk. */
export async function authenticate(client: RawClient, secret: string): Promise<void> {
  await authentication(client, 10)
  const bare = `n=,r=${NONCE}`
  client.say(initial('SCRAM-SHA-256', `n,,${bare}`))
  const challenge = (await authentication(client, 11)).toString()
  client.say(message('p', proven({ secret, bare, challenge, gs2: Buffer.from('n,,') })))
  await authentication(client, 12)
  await authentication(client, 0)
}

/** The body behind the code of the authentication request that must come next. */
export async function authentication(client: RawClient, code: number): Promise<Buffer> {
  const found = await next(client)
  if (found.type !== 'R' || found.body.readInt32BE(0) !== code) throw new LoginRefused(found)
  return found.body.subarray(4)
}

/** A SASLInitialResponse; `length` is what it says of its data. */
export function initial(mechanism: string, data: string | Buffer, length?: number): Buffer {
  const bytes = Buffer.from(data)
  return message('p', `${mechanism}\0`, int32(length ?? bytes.length), bytes)
}

export interface Proof {
  readonly secret: string
  readonly bare: string
  readonly challenge: string
  /** The gs2 header, and behind it the channel's data if it is bound. */
  readonly gs2: Buffer
}

/** The client's final message with its proof (RFC 5802, 3). */
export function proven({ secret, bare, challenge, gs2 }: Proof): string {
  const [, nonce = '', salt = '', count = ''] = /^r=([^,]*),s=([^,]*),i=(\d+)/.exec(challenge) ?? []
  const salted = pbkdf2Sync(secret, Buffer.from(salt, 'base64'), Number(count), 32, 'sha256')
  const clientKey = hmac(salted, 'Client Key')
  const withoutProof = `c=${gs2.toString('base64')},r=${nonce}`
  const storedKey = createHash('sha256').update(clientKey).digest()
  const signature = hmac(storedKey, `${bare},${challenge},${withoutProof}`)
  const proof = clientKey.map((byte, index) => byte ^ (signature[index] ?? 0))
  return `${withoutProof},p=${Buffer.from(proof).toString('base64')}`
}

async function next(client: RawClient): Promise<Heard> {
  const found = (await refusedOr(client, 'R')).at(-1)
  if (found === undefined) throw new Error('nothing was heard')
  return found
}

async function refusedOr(client: RawClient, type: string): Promise<readonly Heard[]> {
  try {
    return await client.until(type)
  } catch (error) {
    const last = client.heard.at(-1)
    if (last?.type === 'E') throw new LoginRefused(last)
    throw error
  }
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
