import { WireError } from '../errors.ts'

const PRINTABLE = /^[\x21-\x2b\x2d-\x7e]+$/

/**
 * The attributes of one SCRAM message, in their order: `r=abc,s=def` gives [['r', 'abc'], ['s', 'def']].
 * Values may hold `=`, never a comma (RFC 5802 section 7).
 */
export function parseAttributes(message: string): [name: string, value: string][] {
  return message.split(',').map((attribute) => {
    if (attribute[1] !== '=' || !/[a-zA-Z]/.test(attribute.charAt(0))) throw malformed()
    return [attribute.charAt(0), attribute.slice(2)]
  })
}

/** The values of the attributes that must come first and in this order. */
export function expectAttributes(message: string, names: readonly string[]): string[] {
  const attributes = parseAttributes(message)
  return names.map((name, index) => {
    const [found, value] = attributes[index] ?? []
    if (found !== name || value === undefined) throw malformed()
    return value
  })
}

/** A nonce is printable ASCII without a comma. */
export function isNonce(text: string): boolean {
  return PRINTABLE.test(text)
}

/** What PostgreSQL says of every SCRAM message that it cannot read. */
export function malformed(): WireError {
  return new WireError('malformed SCRAM message')
}
