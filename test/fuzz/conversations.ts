import { serialize } from 'pg-protocol'
import type { Random } from '../walk/random.ts'
import { framed, whole } from './mutate.ts'

/** Messages of a client after login, as real ones are; a conversation is drawn from them. */
export const FROM_CLIENT: readonly Buffer[] = [
  serialize.query('select 1'),
  serialize.query('select \'a;b\' -- c\n; select $$x$$, "y" /* z */'),
  serialize.query("alter role mark password 'hidden'"),
  serialize.query('copy goods from stdin'),
  serialize.parse({ name: '', text: 'select $1::int, $2::text', types: [23, 25] }),
  serialize.parse({ name: 'named', text: 'update goods set name = $1 where at < now()' }),
  serialize.bind({ portal: '', statement: '', values: ['1', null] }),
  serialize.bind({ portal: 'p', statement: 'named', values: [Buffer.from([0, 1, 2, 255])] }),
  serialize.describe({ type: 'S', name: 'named' }),
  serialize.describe({ type: 'P', name: '' }),
  serialize.execute({ portal: '', rows: 0 }),
  serialize.execute({ portal: 'p', rows: 10 }),
  serialize.close({ type: 'S', name: 'named' }),
  serialize.copyData(Buffer.from('1\tone\n2\ttwo\n')),
  serialize.copyDone(),
  serialize.copyFail('no more'),
  serialize.flush(),
  serialize.sync(),
  serialize.sync(),
  framed(0x46, Buffer.from('0000000100010001000000010000000400000007' + '0001', 'hex')),
]

/** Messages of a server after login. */
export const FROM_SERVER: readonly Buffer[] = [
  server('1'),
  server('2'),
  server('3'),
  server('I'),
  server('n'),
  server('s'),
  server('c'),
  server('C', text('SELECT 1')),
  server('C', text('INSERT 0 3')),
  server('Z', Buffer.from('I')),
  server('Z', Buffer.from('T')),
  server('T', int16(1), text('one'), Buffer.alloc(18)),
  server('D', int16(2), int32(1), Buffer.from('1'), int32(-1)),
  server('D', int16(1), int32(4), Buffer.from('text')),
  server('t', int16(2), int32(23), int32(25)),
  server('G', Buffer.from([0]), int16(1), int16(0)),
  server('H', Buffer.from([0]), int16(1), int16(0)),
  server('d', Buffer.from('1\tone\n')),
  server(
    'E',
    text('SERROR'),
    text('VERROR'),
    text('C42601'),
    text('Msyntax error'),
    Buffer.alloc(1),
  ),
  server(
    'N',
    text('SNOTICE'),
    text('VNOTICE'),
    text('C00000'),
    text('Mby the way'),
    Buffer.alloc(1),
  ),
  server('S', text('client_encoding'), text('UTF8')),
  server('S', text('standard_conforming_strings'), text('on')),
  server('A', int32(7), text('channel'), text('payload')),
  server('V', int32(4), int32(1)),
]

/** Some messages of a conversation: mostly as they stand in it, now and then twice or out of order. */
export function draw(messages: readonly Buffer[], many: number, dice: Random): Buffer[] {
  const drawn: Buffer[] = []
  for (let at = whole(dice, 0, messages.length - 1); drawn.length < many; at += 1) {
    const next = dice.number() < 0.3 ? dice.find(messages) : messages[at % messages.length]
    if (next) drawn.push(next)
    if (next && dice.number() < 0.1) drawn.push(next)
  }
  return drawn
}

export function server(type: string, ...parts: readonly Buffer[]): Buffer {
  return framed(type.charCodeAt(0), Buffer.concat(parts))
}

export function text(value: string): Buffer {
  return Buffer.from(`${value}\0`)
}

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}
