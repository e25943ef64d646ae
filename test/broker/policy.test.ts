import assert from 'node:assert/strict'
import { justificationFault } from '../../broker/policy/policy.ts'

describe('justification', () => {
  const rule = { pattern: '^[A-Z]+-[0-9]+', message: 'Start with a ticket, like OPS-12.' }

  it('must match the rule, and the rule says how', () => {
    assert.equal(justificationFault('OPS-12 slow orders', rule), undefined)
    assert.equal(justificationFault('slow orders', rule), rule.message)
    assert.match(justificationFault('slow', { ...rule, message: '' }) ?? '', /must match/)
  })

  it('must be there even without a rule, but not where an empty rule switches rules off', () => {
    assert.equal(justificationFault('because', undefined), undefined)
    assert.equal(justificationFault(' ', undefined), 'Say why you need this access.')
    assert.equal(justificationFault('', { pattern: '', message: '' }), undefined)
  })

  it('is refused where the rule is broken or would take for ever', () => {
    const began = performance.now()
    assert.match(justificationFault('a', { pattern: '(', message: '' }) ?? '', /can't be applied/)
    const endless = { pattern: '^(a+)+$', message: '' }
    assert.match(justificationFault(`${'a'.repeat(60)}!`, endless) ?? '', /can't be applied/)
    assert.ok(performance.now() - began < 15_000)
  })
})
