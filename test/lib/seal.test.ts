import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import {
  derivePartKey,
  fingerprintOf,
  open,
  openingKey,
  publicBytesOf,
  seal,
} from '../../lib/seal.ts'

describe('seal', () => {
  const key = openingKey(randomBytes(32))
  const about = 'data_sources.admin_sealed:1'

  it('opens with the key it was sealed to, whatever the text', () => {
    for (const clear of ['', 'postgres://a:b@c/d', 'ñ\u{1f511}'.repeat(500)]) {
      assert.equal(open(key, seal(publicBytesOf(key), clear, about), about), clear)
    }
  })

  it('does not open with another key', () => {
    const sealed = seal(publicBytesOf(key), 'secret', about)
    assert.throws(() => open(openingKey(randomBytes(32)), sealed, about), {
      code: 'sealed_value_unreadable',
    })
  })

  it('does not open when moved to another row', () => {
    const sealed = seal(publicBytesOf(key), 'secret', about)
    assert.throws(() => open(key, sealed, 'data_sources.admin_sealed:2'), {
      code: 'sealed_value_unreadable',
    })
  })

  it('does not open with any single bit flipped', () => {
    const sealed = seal(publicBytesOf(key), 'secret', about)
    // the fingerprint in front only says which key to look for; it is not part of the box
    const judged = [0, ...Array.from({ length: sealed.length - 9 }, (_, i) => i + 9)]
    for (const at of judged) {
      const bent = Buffer.from(sealed)
      bent.writeUInt8(bent.readUInt8(at) ^ 1, at)
      assert.throws(() => open(key, bent, about), { code: 'sealed_value_unreadable' }, `byte ${at}`)
    }
  })

  it('does not open when cut short', () => {
    const sealed = seal(publicBytesOf(key), 'secret', about)
    for (let length = 0; length < sealed.length; length += 1) {
      assert.throws(() => open(key, sealed.subarray(0, length), about), {
        code: 'sealed_value_unreadable',
      })
    }
  })

  it('never seals the same text to the same bytes', () => {
    const once = seal(publicBytesOf(key), 'secret', about)
    assert.notDeepEqual(once, seal(publicBytesOf(key), 'secret', about))
  })

  it('names the key in front of what it sealed', () => {
    const sealed = seal(publicBytesOf(key), 'secret', about)
    assert.equal(sealed.subarray(1, 9).toString('hex'), fingerprintOf(publicBytesOf(key)))
  })

  it("gives every part a key of its own that doesn't change", () => {
    const master = randomBytes(32)
    const keys = (['portal', 'broker', 'proxy'] as const).map((part) =>
      derivePartKey(master, part).toString('hex'),
    )
    assert.equal(new Set(keys).size, 3)
    assert.equal(derivePartKey(master, 'broker').toString('hex'), keys[1])
  })
})
