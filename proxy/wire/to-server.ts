import { serialize } from 'pg-protocol'

/** What we ourselves say to a data source, as a well-behaved client; pg-protocol writes it. */

export function encodeTlsRequest(): Buffer {
  return serialize.requestSsl()
}

export function encodeSaslInitial(mechanism: string, data: string): Buffer {
  return serialize.sendSASLInitialResponseMessage(mechanism, data)
}

export function encodeSaslResponse(data: string): Buffer {
  return serialize.sendSCRAMClientFinalMessage(data)
}
