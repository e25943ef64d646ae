import assert from 'node:assert/strict'
import { networkOf } from '../../lib/network.ts'

describe('what is counted as one network', () => {
  it('is an address of IPv4, however a socket tells it', () => {
    assert.equal(networkOf('192.0.2.7'), '192.0.2.7')
    assert.equal(networkOf('::ffff:192.0.2.7'), '192.0.2.7')
    assert.notEqual(networkOf('::ffff:192.0.2.7'), networkOf('::ffff:192.0.2.8'))
  })

  it('is a /64 of IPv6, whose addresses are free to take', () => {
    assert.equal(networkOf('2001:db8:1:2::1'), networkOf('2001:db8:1:2:ffff::9'))
    assert.equal(networkOf('2001:db8::1'), networkOf('2001:db8:0:0:1::'))
    assert.notEqual(networkOf('2001:db8:1:2::1'), networkOf('2001:db8:1:3::1'))
  })
})
