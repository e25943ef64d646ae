import assert from 'node:assert/strict'
import fc from 'fast-check'
import { effectOf, type Executed } from '../../lib/statement-effect.ts'

describe('what a recorded statement changed', () => {
  it('is what the server says in its tag, whatever stands in the text', () => {
    assert.equal(ran('execute plan7', 'DELETE 3'), 'write')
    assert.equal(ran('/* select */ insert into t values (1)', 'INSERT 0 1'), 'write')
    assert.equal(ran('merge into t using s on true when matched then delete', 'MERGE 2'), 'write')
    assert.equal(ran('truncate t', 'TRUNCATE TABLE'), 'write')
    assert.equal(ran('alter table t add c int', 'ALTER TABLE'), 'ddl')
    assert.equal(ran('refresh materialized view v', 'REFRESH MATERIALIZED VIEW'), 'ddl')
    assert.equal(ran('grant select on t to x', 'GRANT'), 'ddl')
    for (const tag of ['BEGIN', 'COMMIT', 'SET', 'SHOW', 'FETCH 7', 'LISTEN', 'VACUUM']) {
      assert.equal(ran('insert into t values (1)', tag), undefined, tag)
    }
  })

  it('is told by the text where the tag is SELECT and a table was made', () => {
    assert.equal(ran('create table t as select 1', 'SELECT 1'), 'ddl')
    assert.equal(ran('CREATE /* a /* nested */ one */ TABLE t AS TABLE s', 'SELECT 9'), 'ddl')
    assert.equal(ran('select * into copy from customers', 'SELECT 9'), 'ddl')
    assert.equal(ran('select 1 as "into", $$ into $$', 'SELECT 1'), undefined)
    assert.equal(ran(`select 'into' -- into`, 'SELECT 1'), undefined)
    assert.equal(ran('select 1 as into', 'SELECT 1'), undefined)
  })

  it('may be a write where another statement stands inside', () => {
    const gone = 'with gone as (delete from t returning *) select count(*) from gone'
    assert.equal(ran(gone, 'SELECT 1'), 'may write')
    assert.equal(ran('explain analyze insert into t values (1)', 'EXPLAIN'), 'may write')
    assert.equal(ran('copy (update t set a = 1 returning *) to stdout', 'COPY 1'), 'may write')
    assert.equal(ran('do $$ begin end $$', 'DO'), 'may write')
    assert.equal(ran('call refill()', 'CALL'), 'may write')
    assert.equal(of({ kind: 'function call', text: '', tag: null }), 'may write')
    const locked = 'with r as (select * from t for no key update) select * from r for update'
    assert.equal(ran(locked, 'SELECT 1'), undefined)
    assert.equal(ran('copy t to stdout', 'COPY 1'), undefined)
    assert.equal(ran('with "delete" as (select 1) table "delete"', 'SELECT 1'), undefined)
  })

  it('is a write for a COPY into the data source, whether it succeeded or not', () => {
    assert.equal(of({ kind: 'copy in', text: 'copy t from stdin', tag: 'COPY 1' }), 'write')
    assert.equal(of({ kind: 'copy in', text: 'copy t from stdin', tag: null }), 'write')
  })

  it('is what was tried where the server never answered', () => {
    assert.equal(ran(' ;; ( insert into t values (1)', null), 'write')
    assert.equal(ran('drop table t', null), 'ddl')
    assert.equal(ran('select * from missing', null), undefined)
    assert.equal(ran('with x as (insert into t values (1)) select 1', null), 'may write')
  })

  it('is not guessed of a later part of a text', () => {
    const text = 'select 1; drop table t; with g as (delete from t returning 1) select * from g'
    assert.equal(of({ text, tag: 'SELECT 1', part: 1 }), undefined)
    assert.equal(of({ text, tag: 'DROP TABLE', part: 2 }), 'ddl')
    assert.equal(of({ text, tag: 'SELECT 1', part: 3 }), 'may write')
    assert.equal(
      of({ text: 'select 1; insert into t values (1)', tag: null, part: 2 }),
      'may write',
    )
    assert.equal(of({ text: 'select 1; select 2', tag: null, part: 2 }), undefined)
  })

  it('is open where only the beginning of a WITH was kept', () => {
    const cut = { text: 'with x as (select 1)', textBytes: 9_000_000, tag: 'SELECT 1' }
    assert.equal(of(cut), 'may write')
    assert.equal(of({ ...cut, text: 'select 1' }), undefined)
  })

  it('says nothing of a gap', () => {
    assert.equal(of({ kind: 'gap', text: 'insert', tag: null }), undefined)
  })

  it('comes to an end for any text', () => {
    const pieces = fc.constantFrom(
      "'",
      '"',
      '$$',
      '/*',
      '*/',
      '--',
      ';',
      '(',
      'with',
      'into',
      '\n',
      'E',
      'é',
      '\ud800',
    )
    const texts = fc.array(pieces).map((words) => words.join(' '))
    const tags = fc.constantFrom('SELECT 1', 'COPY 1', null)
    fc.assert(fc.property(texts, tags, (text, tag) => void ran(text, tag)))
  })
})

function ran(text: string, tag: string | null) {
  return of({ text, tag })
}

function of({ text, ...more }: Partial<Executed> & Pick<Executed, 'text' | 'tag'>) {
  return effectOf({ kind: 'simple', textBytes: Buffer.byteLength(text), part: 1, text, ...more })
}
