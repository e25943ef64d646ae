import assert from 'node:assert/strict'
import fc from 'fast-check'
import { readCsv } from '../../portal/user-import/csv.ts'
import { readMultipart, type FormPart } from '../../portal/user-import/multipart.ts'

describe('CSV as spreadsheets save it', () => {
  const rowsOf = (text: string): string[][] => {
    const reading = readCsv(text)
    assert.ok(reading.ok, reading.ok ? '' : reading.sentence)
    return reading.rows.map(({ cells }) => [...cells])
  }

  it('gives back every table, whatever stands in its cells, with either separator', () => {
    const plain = fc.stringMatching(/^[a-z]{1,5}$/)
    const cell = fc.oneof(
      plain,
      fc.string({ unit: 'grapheme', maxLength: 8 }),
      fc.constantFrom('', '"', '""', ',', ';', '\n', 'a\nb', '=1+1', '@x', '-', ' padded '),
    )
    const table = fc
      .integer({ min: 1, max: 4 })
      .chain((width) =>
        fc.tuple(
          fc.array(plain, { minLength: width, maxLength: width }),
          fc.array(fc.array(cell, { minLength: width, maxLength: width }), { maxLength: 5 }),
        ),
      )
    fc.assert(
      fc.property(
        table,
        fc.constantFrom(',', ';'),
        fc.constantFrom('\r\n', '\n', '\r'),
        fc.constantFrom('', '\ufeff'),
        fc.boolean(),
        ([head, body], separator, lineEnd, mark, isEnded) => {
          const rows = [head, ...body].map((cells) =>
            cells.map((each) => each.replaceAll('\r', '')),
          )
          const quote = (text: string): string =>
            /[",;\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
          const lines = rows.map((cells) => cells.map(quote).join(separator))
          const text = mark + lines.join(lineEnd) + (isEnded ? lineEnd : '')
          const kept = rows.filter((cells) => cells.some((each) => each !== ''))
          // in a table of one column nothing says which separator it has, and none is needed
          assert.deepEqual(rowsOf(text), kept)
        },
      ),
    )
  })

  it('answers every text, and with a line where it has no sense', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('"', ',', ';', '\n', '\r', 'a'), maxLength: 30 }),
        (text) => {
          const reading = readCsv(text)
          if (!reading.ok) assert.match(reading.sentence, /^Line \d+: /)
        },
      ),
    )
    for (const [text, line] of [
      ['a,"b', 1],
      ['a\nb"c', 2],
      ['a\n"x\ny"z', 3],
    ] as const) {
      const reading = readCsv(text)
      assert.ok(!reading.ok && reading.sentence.startsWith(`Line ${String(line)}:`), text)
    }
  })

  it('says in which line each row begins, also behind cells of several lines', () => {
    const reading = readCsv('a,b\n\n"x\r\ny",1\nz,2')
    assert.ok(reading.ok)
    assert.deepEqual(
      reading.rows.map(({ line }) => line),
      [1, 3, 5],
    )
  })

  it('reads a cell of hundreds of thousands of characters', () => {
    const long = '"x""'.repeat(100_000).replaceAll('"x', 'x')
    const reading = readCsv(`a,b\n"${long}",1`)
    assert.ok(reading.ok)
    assert.equal(reading.rows[1]?.cells.length, 2)
    assert.equal(readCsv(`a\n"${'""'.repeat(100_000)}`).ok, false)
  })
})

describe('forms that carry a file', () => {
  const encode = (boundary: string, parts: readonly FormPart[]): Buffer =>
    Buffer.concat([
      ...parts.flatMap(({ name, fileName, bytes }) => [
        Buffer.from(`--${boundary}\r\ncontent-disposition: form-data; name="${name}"`),
        Buffer.from(fileName === undefined ? '' : `; filename="${fileName}"\r\nContent-Type: x/y`),
        Buffer.from('\r\n\r\n'),
        bytes,
        Buffer.from('\r\n'),
      ]),
      Buffer.from(`--${boundary}--\r\n`),
    ])
  const part = fc.record(
    {
      name: fc.stringMatching(/^[a-z_]{1,9}$/),
      fileName: fc.option(fc.stringMatching(/^[a-z.]{0,9}$/), { nil: undefined }),
      bytes: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    },
    { noNullPrototype: true },
  )

  it('gives back every field as its bytes were sent', () => {
    fc.assert(
      fc.property(fc.array(part, { maxLength: 5 }), (parts) => {
        const type = 'multipart/form-data; boundary="----x7"'
        assert.deepEqual(readMultipart(type, encode('----x7', parts)), parts)
      }),
    )
  })

  it('takes none that was cut off anywhere, and none that is something else', () => {
    const parts = [
      { name: 'csv', fileName: undefined, bytes: Buffer.from('a\r\n--xy\r\nb') },
      { name: 'file', fileName: 'a.csv', bytes: Buffer.from('') },
    ]
    const whole = encode('x', parts)
    const end = whole.length - '\r\n'.length
    for (let cut = 0; cut < end; cut += 1) {
      const read = readMultipart('multipart/form-data; boundary=x', whole.subarray(0, cut))
      assert.ok(read === undefined || read.length < 2, String(cut))
    }
    assert.equal(readMultipart('multipart/form-data', whole), undefined)
    assert.equal(readMultipart('multipart/form-data; boundary=other', whole), undefined)
    const many = Array.from({ length: 21 }, () => ({ ...parts[0], name: 'a' }) as FormPart)
    assert.equal(readMultipart('multipart/form-data; boundary=x', encode('x', many)), undefined)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        readMultipart('multipart/form-data; boundary=x', Buffer.from(bytes))
      }),
    )
  })
})
