import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { projectRoot } from '../../lib/project.ts'
import { findPasswordMistake } from '../../portal/password-strength.ts'

const ADA = { username: 'ada.lovelace', displayName: 'Ada Lovelace', email: 'ada@countess.example' }

describe('the strength of a password', () => {
  before(async () => {
    // the first one loads the word lists
    await findPasswordMistake('tulip-cabin-orbit-mango', ADA)
  })

  it('says what is wrong and what to do', async () => {
    const cases = [
      ['eleven char', /at least 12 characters/],
      ['x'.repeat(1025), /at most 1024 characters/],
      ['adalovelace1815', /known of its owner/],
      ['Lovelace, Ada!', /known of its owner/],
      ['countess countess', /known of its owner/],
      ['DayPass-DayPass', /this product/],
      ['aaaaaaaaaaaaaa', /repeats one character/],
      ['passwordpassword', /repeats a few characters/],
      ['abcdefghijklmn', /counts up or down/],
      ['password1234!', /common passwords/],
      ['k'.repeat(1024), /repeats/],
    ] as const
    for (const [password, sentence] of cases) {
      const mistake = (await findPasswordMistake(password, ADA)) ?? 'nothing'
      assert.match(mistake, sentence, password.slice(0, 20))
      assert.ok(!mistake.includes(password))
    }
    const weak = await findPasswordMistake('abcdefghijklmn', ADA)
    assert.match(weak ?? '', /Choose another, such as four unrelated words\.$/)
  })

  it('takes long and unforeseen ones, of any kind of letters', async () => {
    const good = [
      'tulip-cabin-orbit-mango',
      'h7kd-2mqp-x9rt',
      'ключ под третьим камнем',
      'ada likes violet anchors',
    ]
    for (const password of good) assert.equal(await findPasswordMistake(password, ADA), undefined)
  })

  it('looks at long ones in bounded time', async () => {
    const hostile = [
      'p4$$w0rd'.repeat(128),
      '4@8({[</369|1!|0$5+7%2'.repeat(46),
      '1999-12-31'.repeat(102),
    ]
    for (const password of hostile) {
      const startedAt = performance.now()
      await findPasswordMistake(password, ADA)
      // 50 ms on the machine it was written on; without a bound one of them takes minutes
      assert.ok(performance.now() - startedAt < 5_000, password.slice(0, 20))
    }
  }).timeout(20_000)

  it('is loaded when the first password is chosen, and not when a portal starts', async () => {
    const program = `
      await import('./portal/app.ts')
      const { createRequire } = await import('node:module')
      const loaded = Object.keys(createRequire(import.meta.url).cache)
      process.stdout.write(String(loaded.filter((file) => file.includes('zxcvbn')).length))`
    const run = promisify(execFile)
    const { stdout } = await run(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '--eval', program],
      { cwd: projectRoot, timeout: 60_000 },
    )
    assert.equal(stdout, '0')
  }).timeout(60_000)
})
