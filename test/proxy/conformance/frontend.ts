import { int16, int32, message } from '../../support/wire-messages.ts'

/** What a client says, well-formed; text where a string is given, NULL for null. */

export function query(sql: string): Buffer {
  return message('Q', `${sql}\0`)
}

export function parse(sql: string, name = '', types: readonly number[] = []): Buffer {
  return message('P', `${name}\0${sql}\0`, int16(types.length), int32(...types))
}

export interface Binding {
  readonly portal?: string
  readonly statement?: string
  readonly values?: readonly (string | Buffer | null)[]
  readonly formats?: readonly number[]
  readonly results?: readonly number[]
}

export function bind(binding: Binding = {}): Buffer {
  const { portal = '', statement = '', values = [], formats = [], results = [] } = binding
  const carried = values.flatMap((value) => {
    if (value === null) return [int32(-1)]
    const bytes = Buffer.from(value)
    return [int32(bytes.length), bytes]
  })
  return message(
    'B',
    `${portal}\0${statement}\0`,
    int16(formats.length, ...formats),
    // above 32,767 the count is unsigned
    int16((values.length << 16) >> 16),
    Buffer.concat(carried),
    int16(results.length, ...results),
  )
}

export function describeOf(kind: 'S' | 'P', name = ''): Buffer {
  return message('D', `${kind}${name}\0`)
}

export function execute(portal = '', rows = 0): Buffer {
  return message('E', `${portal}\0`, int32(rows))
}

export function close(kind: 'S' | 'P', name = ''): Buffer {
  return message('C', `${kind}${name}\0`)
}

export const sync = message('S')
export const flush = message('H')
export const terminate = message('X')
export const copyDone = message('c')

export function copyData(data: string | Buffer): Buffer {
  return message('d', data)
}

export function copyFail(reason: string): Buffer {
  return message('f', `${reason}\0`)
}

/** Parse, Bind, Describe and Execute of one statement. */
export function extended(sql: string, values: Binding['values'] = []): Buffer {
  return Buffer.concat([parse(sql), bind({ values }), describeOf('P'), execute()])
}

/** A message whose length field says something else than its length. */
export function lying(type: string, length: number, body = Buffer.alloc(0)): Buffer {
  return Buffer.concat([Buffer.from(type, 'latin1'), int32(length | 0), body])
}

/** A start-up packet with any parameters, in order; a trailing NUL as the protocol wants it. */
export function startupPacket(
  parameters: readonly (readonly [name: string, value: string | Buffer])[],
  { major = 3, minor = 0 } = {},
): Buffer {
  const body = parameters.flatMap(([name, value]) => [
    Buffer.from(`${name}\0`),
    Buffer.from(value),
    Buffer.alloc(1),
  ])
  return packetOf(int16(major, minor), ...body, Buffer.alloc(1))
}

/** Anything behind a true length field, as start-up packets are. */
export function packetOf(...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([int32(body.length + 4), body])
}

export const SSL_REQUEST = packetOf(int32(80877103))
export const GSS_REQUEST = packetOf(int32(80877104))

export function cancelRequest(pid: number, key: Buffer): Buffer {
  return packetOf(int32(80877102, pid), key)
}
