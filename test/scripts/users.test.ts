import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Command } from 'commander'
import { findAnyPerson, type Person } from '../../db/people.ts'
import { keepTimeZone } from '../../db/settings.ts'
import { rows } from '../../db/store.ts'
import { addUserCommands } from '../../scripts/commands/users.ts'
import { makeWorld, type World } from '../support/world.ts'

const SETTING = 'DAYPASS_STORE_OWNER_URL'

describe('daypass user', () => {
  let world: World
  const setting = process.env[SETTING]

  before(async function () {
    this.timeout(60_000)
    world = await makeWorld()
    await keepTimeZone(world.owner.db, 'Europe/Warsaw')
    // an admin who can't sign in is none to keep
    await rows(world.owner.db, `update people set password_hash = 'hash' where kind = 'person'`)
    process.env[SETTING] = world.owner.url
  })
  after(async () => {
    if (setting === undefined) Reflect.deleteProperty(process.env, SETTING)
    else process.env[SETTING] = setting
    await world.close()
  })

  /** What the command prints; in this process, which costs no start of another. */
  async function user(...words: string[]): Promise<string> {
    const program = new Command().exitOverride().configureOutput({ writeErr: () => undefined })
    addUserCommands(program.command('user').exitOverride())
    const { stdout } = process
    const write = stdout.write.bind(stdout)
    let printed = ''
    stdout.write = (text: string | Uint8Array): boolean => {
      printed += String(text)
      return true
    }
    try {
      await program.parseAsync(['user', ...words], { from: 'user' })
    } finally {
      stdout.write = write
    }
    return printed
  }
  const mark = async (): Promise<Person> => {
    const id = world.people.mark.id
    const person = await findAnyPerson(world.owner.db, { kind: 'part', part: 'operator' }, id)
    assert.ok(person)
    return person
  }

  it('changes what is named and nothing else, in the name of the operator', async () => {
    const email = 'mark@example.com'
    await user(
      'change',
      'mark',
      '--email',
      email,
      '--expires',
      '2099-07-01 12:00',
      '--audit',
      'yes',
    )
    const changed = await mark()
    assert.equal(changed.email, email)
    assert.equal(changed.expiresAt?.toISO(), '2099-07-01T10:00:00.000Z')
    assert.equal(changed.auditUser, true)
    assert.equal(changed.displayName, 'mark')
    await user('change', 'mark', '--email', 'none', '--expires', 'never', '--rename', 'marek')
    assert.deepEqual(
      [(await mark()).email, (await mark()).expiresAt, (await mark()).username],
      [null, null, 'marek'],
    )
    await assert.rejects(user('change', 'marek', '--expires', '2020-01-01'), /in the future/)
    await assert.rejects(user('change', 'marek', '--expires', 'soon'), /such as 2026-11-23 10:00/)
    await assert.rejects(user('change', 'marek', '--rename', 'john'), { code: 'username_taken' })
    await assert.rejects(user('change', 'marek', '--portal', 'perhaps'))
    const records = await rows<{ actor: string }>(
      world.owner.db,
      `select distinct actor_id as actor from records where action = 'user.email_changed'`,
    )
    assert.deepEqual(records, [{ actor: 'operator' }])
    await user('change', 'marek', '--rename', 'mark')
  })

  it('locks, disables, enables and deletes, and says where there was nothing to do', async () => {
    assert.equal(await user('lock', 'mark', '--reason', 'odd'), 'Locked mark.\n')
    assert.equal(await user('lock', 'mark'), 'Nothing changed: mark is locked.\n')
    assert.equal(await user('unlock', 'mark'), 'Unlocked mark.\n')
    await assert.rejects(user('disable', 'mark'), /--reason/)
    assert.equal(await user('disable', 'mark', '--reason', 'left'), 'Disabled mark.\n')
    assert.match(await user('show', 'mark', '--json'), /"status": "disabled"/)
    assert.equal(await user('enable', 'mark'), 'Enabled mark.\n')
    await assert.rejects(user('lock', 'admin'), { code: 'last_admin' })
    await assert.rejects(user('delete', 'mark', '--confirm', 'john'), /--confirm mark/)
    assert.equal(await user('delete', 'mark', '--confirm', 'mark'), 'Deleted mark.\n')
    await assert.rejects(user('show', 'mark'), { code: 'not_found' })
    const listed = JSON.parse(await user('list', '--status', 'deleted', '--json')) as unknown
    assert.equal(Array.isArray(listed) && listed.length, 1)
    assert.ok(!(await user('list')).includes('mark '))
  })

  it('imports a file, all of it or nothing, and says before what it would do', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'daypass-import-'))
    const file = path.join(folder, 'users.csv')
    const code = process.exitCode
    try {
      await writeFile(file, 'Username;Name\nann.b;Ann\nJOHN;Johnny\n')
      const said = await user('import', file, '--dry-run')
      assert.match(
        said,
        /^add +ann\.b\nchange john\nWould add 1 and change 1; 0 the same, 0 wrong\.$/m,
      )
      assert.ok(!(await user('list')).includes('ann.b'))
      assert.match(await user('import', file), /^Added 1, changed 1; 0 the same\./)
      assert.match(await user('show', 'john', '--json'), /"displayName": "Johnny"/)
      const again = JSON.parse(await user('import', file, '--json')) as { counts: unknown }
      assert.deepEqual(again.counts, { add: 0, change: 0, same: 2, wrong: 0 })

      await writeFile(file, 'Username,Portal User\ncarl,yes\ndora,perhaps\n')
      await assert.rejects(user('import', file), /line 3, Portal User: Write yes or no/)
      assert.match(await user('import', file, '--dry-run'), /line 3, Portal User/)
      assert.equal(process.exitCode, 1)
      await writeFile(file, 'Username,Management Privilege\ncarl,None\nadmin,None\n')
      await assert.rejects(user('import', file), { code: 'last_admin', message: /^Line 3: / })
      assert.ok(!(await user('list')).includes('carl'))
      await writeFile(file, Buffer.from([0xff, 0xfe, 0x55]))
      await assert.rejects(user('import', file), /no text in UTF-8/)
      await assert.rejects(user('import', path.join(folder, 'none.csv')), /can't be read/)
    } finally {
      process.exitCode = code
      await rm(folder, { recursive: true })
    }
  })
})
