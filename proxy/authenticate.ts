import type { ScramVerifier } from '../lib/scram.ts'
import { WireError } from './errors.ts'
import type { Peer } from './peer.ts'
import { ScramServer } from './scram/server.ts'
import { Body } from './wire/body.ts'
import { readMechanism, readSaslInitial, readSaslResponse } from './wire/client-messages.ts'
import { FROM_CLIENT } from './wire/codes.ts'
import type { StartupMessage } from './wire/startup.ts'
import {
  encodeNegotiation,
  encodeSasl,
  encodeSaslContinue,
  encodeSaslFinal,
} from './wire/to-client.ts'

/** The newest protocol 3.minor that we speak. */
const NEWEST_MINOR = 2

/** Says which version and options we speak, where the client asked for others. */
export function negotiate(peer: Peer, { minor, protocolOptions }: StartupMessage): void {
  if (minor <= NEWEST_MINOR && protocolOptions.length === 0) return
  peer.write(encodeNegotiation(Math.min(minor, NEWEST_MINOR), protocolOptions))
}

/** Lets the client prove that it knows the secret behind the verifier. Errors: WireError. */
export async function proves(
  peer: Peer,
  verifier: ScramVerifier,
  channelBinding: Buffer | undefined,
): Promise<boolean> {
  const scram = new ScramServer(verifier, channelBinding ? { channelBinding } : {})
  peer.write(encodeSasl(scram.mechanisms))
  const chosen = await readPassword(peer)
  scram.choose(readMechanism(chosen))
  const first = readSaslInitial(chosen) ?? (await askForFirst(peer))
  peer.write(encodeSaslContinue(scram.start(first)))
  const verdict = scram.finish(readSaslResponse(await readPassword(peer)))
  // it goes with what comes of it, as PostgreSQL's own does
  if (verdict.ok) peer.hold(encodeSaslFinal(verdict.serverFinal))
  return verdict.ok
}

/** A client may choose a mechanism and say nothing yet (RFC 4422, 3.3): an empty challenge asks it to. */
async function askForFirst(peer: Peer): Promise<string> {
  peer.write(encodeSaslContinue(''))
  return readSaslResponse(await readPassword(peer))
}

async function readPassword(peer: Peer): Promise<Body> {
  const { type, body } = await peer.readMessage()
  if (type !== FROM_CLIENT.password) {
    throw new WireError(`expected SASL response, got message type ${type}`)
  }
  return new Body(body)
}
