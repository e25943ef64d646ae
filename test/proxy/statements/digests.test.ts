import assert from 'node:assert/strict'
import { readValues } from '../../../proxy/pairing/values/bind-values.ts'
import { Capture } from '../../../proxy/statements/digests.ts'
import { decodeUtf8 } from '../../../proxy/wire/body.ts'

/** No text of any encoding, and so long that its square takes minutes. */
const BROKEN = Buffer.alloc(400 * 1024, 0xff)

describe('proxy/digests', () => {
  it('leaves out the character that a cut went through, and no other', () => {
    const text = Buffer.from('a\ufffdé')
    const capture = new Capture(text.length - 1)
    capture.add(text, 0, text.length)

    assert.equal(capture.text(decodeUtf8), 'a')
    const whole = new Capture(text.length)
    whole.add(text, 0, text.length)
    assert.equal(whole.text(decodeUtf8), 'a\ufffdé')
  })

  it('reads the beginning of what is no text, however long it is', () => {
    const bytes = Buffer.concat([BROKEN, Buffer.from('a')])
    const capture = new Capture(bytes.length)
    capture.add(bytes, 0, bytes.length)
    capture.add(bytes, 0, 1)
    const cut = capture.finish()
    const [value] = readValues([{ binary: false, bytes, cut }], [], decodeUtf8)

    assert.equal(capture.text(decodeUtf8).length, bytes.length)
    assert.ok(value !== null && typeof value === 'object')
    assert.equal(value.text.length, bytes.length)
  })
})
