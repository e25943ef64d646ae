/** Messages that pg-protocol does not write, or writes only well-formed. */

/** A message of any type with any body. */
export function message(type: string, ...parts: (string | Buffer)[]): Buffer {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part)))
  const head = Buffer.alloc(5)
  head.write(type, 'latin1')
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

export function int16(...values: number[]): Buffer {
  const bytes = Buffer.alloc(2 * values.length)
  values.forEach((value, index) => bytes.writeInt16BE(value, 2 * index))
  return bytes
}

export function int32(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length)
  values.forEach((value, index) => bytes.writeInt32BE(value, 4 * index))
  return bytes
}

/** A FunctionCall with text arguments. */
export function functionCall(oid: number, ...texts: string[]): Buffer {
  const values = texts.flatMap((text) => [int32(Buffer.byteLength(text)), Buffer.from(text)])
  return message('F', int32(oid), int16(0, texts.length), ...values, int16(0))
}
