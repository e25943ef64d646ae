import assert from 'node:assert/strict'
import { failureOf } from '../../portal/errors.ts'

describe('what a request is told when its store fails', () => {
  it('is that nothing was changed, where the store could not be reached at all', () => {
    for (const sentence of [
      'timeout expired',
      'Connection terminated due to connection timeout',
      'timeout exceeded when trying to connect',
    ]) {
      const failure = failureOf(new Error(sentence))
      assert.equal(failure.status, 503, sentence)
      assert.equal(failure.code, 'store_unreachable')
      assert.match(failure.sentence, /Nothing was changed/)
    }
  })

  it('promises nothing where the store heard the question and fell silent', () => {
    const failure = failureOf(new Error('Query read timeout'))
    assert.equal(failure.status, 503)
    assert.equal(failure.code, 'store_silent')
    assert.match(failure.sentence, /may still be done: look before you send it again/)
    assert.equal(failure.retryAfter, 5)
  })
})
