import assert from 'node:assert/strict'
import { sentenceOn } from '../../broker/catalogs/verdict.ts'
import type { Attribution, Residue } from '../../db/residue.ts'

describe('what a comparison came to, in a sentence', () => {
  const find = (attribution: Attribution, more: Partial<Residue> = {}): Residue => ({
    database: 'shop',
    kind: 'table',
    name: 'public.t',
    attribution,
    change: 'created',
    detail: '',
    ...more,
  })
  const own = find('left behind')
  const other = find('changed meanwhile')
  const unlisted = find('changed meanwhile', { kind: 'comparison', name: 'more changes' })
  const blind = find('changed meanwhile', { kind: 'comparison', name: 'not possible' })

  for (const [found, sentence] of [
    [[own], 'Session 7 left 1 object behind.'],
    [[own, own], 'Session 7 left 2 objects behind.'],
    [
      [own, other],
      'Session 7 left 1 object behind; 1 more changed meanwhile and may be its doing.',
    ],
    [[other], '1 object changed during session 7 and may be its doing.'],
    [[other, other], '2 objects changed during session 7 and may be its doing.'],
    [
      [own, other, unlisted],
      'Session 7 left 1 object behind; more than 1 more changed meanwhile and may be its doing.',
    ],
    [[blind], 'Not every database could be compared after session 7.'],
    [
      [own, blind],
      'Session 7 left 1 object behind. Not every database could be compared after session 7.',
    ],
  ] as const) {
    it(sentence, () => {
      assert.equal(sentenceOn('7', found), sentence)
    })
  }
})
