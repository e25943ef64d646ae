import { deflateSync, inflateSync } from 'node:zlib'

// A picture of a page is a few flat colours and the edges of letters: with a palette it takes a fifth.
// PNG (RFC 2083): a signature, then chunks of length, type, data and CRC.

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
const MOST_COLOURS = 48
/** The part of a picture from which on a colour is a surface, not the edge of a letter. */
const SURFACE = 1 / 2_000
/** Squared distances below which two surfaces, or two edges, are drawn in one colour. */
const SAME_SURFACE = 3 ** 2
const SAME_EDGE = 26 ** 2

/** Draws a PNG of 8-bit RGB or RGBA, as browsers make them, anew with few colours. */
export function withFewColours(png: Buffer): Buffer {
  const { width, height, pixels } = decode(png)
  const palette = choosePalette(pixels)
  const nearest = new Map<number, number>()
  const lines = Buffer.alloc((width + 1) * height)
  pixels.forEach((colour, place) => {
    const known = nearest.get(colour) ?? nearestTo(colour, palette)
    nearest.set(colour, known)
    lines[place + Math.floor(place / width) + 1] = known
  })
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  // 8 bits a pixel, each the place of a colour in the palette
  header.set([8, 3, 0, 0, 0], 8)
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('PLTE', Buffer.from(palette.flatMap(partsOf))),
    chunk('IDAT', deflateSync(lines, { level: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

interface Picture {
  readonly width: number
  readonly height: number
  /** 0xRRGGBB, line by line. */
  readonly pixels: Uint32Array
}

function decode(png: Buffer): Picture {
  const data: Buffer[] = []
  let header = Buffer.alloc(0)
  for (let at = SIGNATURE.length; at < png.length;) {
    const length = png.readUInt32BE(at)
    const type = png.toString('latin1', at + 4, at + 8)
    const body = png.subarray(at + 8, at + 8 + length)
    if (type === 'IHDR') header = Buffer.from(body)
    if (type === 'IDAT') data.push(body)
    at += length + 12
  }
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)]
  const bytes = header[9] === 6 ? 4 : 3
  const lines = inflateSync(Buffer.concat(data))
  unfilter(lines, { width, height, bytes })
  const pixels = new Uint32Array(width * height)
  for (let place = 0; place < pixels.length; place += 1) {
    const from = place * bytes + Math.floor(place / width) + 1
    pixels[place] = lines.readUIntBE(from, 3)
  }
  return { width, height, pixels }
}

/** Undoes the filter of each line in place (RFC 2083, 6). */
function unfilter(
  lines: Buffer,
  { width, height, bytes }: { width: number; height: number; bytes: number },
): void {
  const stride = width * bytes + 1
  const at = (line: number, byte: number): number =>
    line < 0 || byte < 1 ? 0 : (lines[line * stride + byte] ?? 0)
  for (let line = 0; line < height; line += 1) {
    const filter = lines[line * stride] ?? 0
    for (let byte = 1; byte < stride; byte += 1) {
      const [left, up] = [at(line, byte - bytes), at(line - 1, byte)]
      const corner = byte - bytes < 1 ? 0 : at(line - 1, byte - bytes)
      const guesses = [0, left, up, (left + up) >> 1, paeth(left, up, corner)]
      lines[line * stride + byte] = at(line, byte) + (guesses[filter] ?? 0)
    }
  }
}

function paeth(left: number, up: number, corner: number): number {
  const guess = left + up - corner
  const [a, b, c] = [left, up, corner].map((one) => Math.abs(guess - one))
  if (a === undefined || b === undefined || c === undefined) return 0
  if (a <= b && a <= c) return left
  return b <= c ? up : corner
}

/** The colours that are seen most; edges between them are rounded to what is there. */
function choosePalette(pixels: Uint32Array): number[] {
  const counts = new Map<number, number>()
  for (const colour of pixels) counts.set(colour, (counts.get(colour) ?? 0) + 1)
  const palette: number[] = []
  for (const [colour, count] of [...counts].sort(([, a], [, b]) => b - a)) {
    if (palette.length === MOST_COLOURS) break
    const same = count > pixels.length * SURFACE ? SAME_SURFACE : SAME_EDGE
    if (palette.every((chosen) => distance(chosen, colour) > same)) palette.push(colour)
  }
  return palette
}

function nearestTo(colour: number, palette: readonly number[]): number {
  let best = 0
  palette.forEach((chosen, place) => {
    if (distance(chosen, colour) < distance(palette[best] ?? 0, colour)) best = place
  })
  return best
}

function distance(one: number, other: number): number {
  const [r = 0, g = 0, b = 0] = partsOf(one)
  const [x = 0, y = 0, z = 0] = partsOf(other)
  return (r - x) ** 2 + (g - y) ** 2 + (b - z) ** 2
}

function partsOf(colour: number): number[] {
  return [colour >> 16, (colour >> 8) & 0xff, colour & 0xff]
}

function chunk(type: string, body: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type, 'latin1'), body])
  const framed = Buffer.alloc(named.length + 8)
  framed.writeUInt32BE(body.length, 0)
  named.copy(framed, 4)
  framed.writeUInt32BE(crc32(named), named.length + 4)
  return framed
}

function crc32(bytes: Buffer): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  return (crc ^ 0xffffffff) >>> 0
}
