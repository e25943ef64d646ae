import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { announceMail } from '../../db/mail-service.ts'
import { listMails } from '../support/mail-server.ts'
import { getRow, rows } from '../../db/store.ts'
import { until } from '../support/broker.ts'
import { MailRoom } from '../support/mail-room.ts'
import { openPortal, type TestPortal } from '../support/portal.ts'

const CHOSEN = 'violet-anchor-27-meadow'

describe('letters with links that set a password', () => {
  let room: MailRoom
  let portal: TestPortal

  before(async function () {
    this.timeout(60_000)
    room = await MailRoom.open()
    portal = await openPortal(room.world)
  })
  after(async () => {
    await portal.close()
    await room.close()
  })
  beforeEach(async () => {
    await room.reset()
    await announceMail(room.world.broker.db, true)
    await rows(room.world.owner.db, `delete from password_links`)
  })

  it('take the secret to its person and to nobody else: not to records, mails, links or logs', async () => {
    await askForReset('mark')
    const waiting = await dump()
    await room.send()
    const [letter] = room.mail.letters
    assert.ok(letter)
    assert.deepEqual(letter.to, ['mark@example.com'])
    assert.match(letter.subject, /choose a new password/)
    assert.match(letter.text, /Somebody asked for a new password/)
    assert.match(letter.text, /Works until: +\d{4}-/)
    const [, secret] =
      /https:\/\/daypass\.example\.com\/password\/link\?secret=([A-Za-z0-9_-]{43})/.exec(
        letter.text,
      ) ?? []
    assert.ok(secret, letter.text)

    const visitor = portal.browser()
    await visitor.get(`/password/link?secret=${secret}`)
    const afterOpening = await dump()
    const pair = { password: CHOSEN, passwordAgain: CHOSEN }
    assert.equal((await visitor.post('/password/new', pair, '/password/new')).status, 303)

    // the search finds what is there: the link's id, and the hash where it is kept
    const hash = createHash('sha256').update(secret).digest('hex')
    assert.ok(waiting.includes(hash))
    for (const text of [waiting, afterOpening, await dump()]) {
      assert.ok(!text.includes(secret), 'in clear')
      assert.ok(!text.includes(Buffer.from(secret).toString('hex')), 'as bytes')
      assert.ok(!text.includes(CHOSEN))
    }
    const { sealed } = await getRow<{ sealed: Buffer | null }>(
      room.world.owner.db,
      'select sealed from mails',
    )
    assert.equal(sealed, null, 'the sealed secret goes with its letter')
  })

  it('say who invites whom', async () => {
    const made = await portal
      .api('admin')
      .post('/users', { username: 'nina', email: 'nina@example.com' })
    const { id } = made.body as { id: string }
    assert.equal((await portal.api('admin').post(`/users/${id}/password-link`, {})).status, 201)
    await room.send()
    const [letter] = room.mail.letters
    assert.deepEqual(letter?.to, ['nina@example.com'])
    assert.match(letter.subject, /an account was made for you/)
    assert.match(letter.text, /Sent by: +admin/)
    assert.match(letter.text, /Username: +nina/)
  })

  it('are dropped when the link was ended meanwhile, with the secret they held', async () => {
    await askForReset('mark')
    await portal
      .api('admin')
      .post(`/users/${room.world.people.mark.id}/password`, { password: CHOSEN })
    await room.send()
    assert.deepEqual(room.mail.letters, [])
    const [mail] = await listMails(room.world)
    assert.deepEqual(
      [mail?.state, mail?.detail],
      ['dropped', 'The link is worth nothing any more.'],
    )
    assert.equal(
      (await getRow<{ sealed: null }>(room.world.owner.db, 'select sealed from mails')).sealed,
      null,
    )
  })

  it('are quoted by no refusal of a mail server', async () => {
    const said = `550 http://localhost/password/link?secret=${'q'.repeat(43)} is on a list`
    room.mail.answers.set('mark@example.com', { responseCode: 550, message: said })
    await askForReset('mark')
    await room.send()
    room.mail.answers.clear()
    const [mail] = await listMails(room.world)
    assert.match(mail?.detail ?? '', /secret=\.\.\. is on a list/)
    assert.ok(!(await dump()).includes('qqqqq'))
  })

  it('can be opened by the broker alone, and in their own letter alone', async () => {
    await askForReset('mark')
    await askForReset('john')
    await rows(
      room.world.owner.db,
      `update mails m set facts = o.facts from mails o where o.id <> m.id`,
    )
    await room.send()
    assert.deepEqual(room.mail.letters, [])
  })

  /** Asks at the sign-in page, and waits for the letter to be written. */
  async function askForReset(name: 'mark' | 'john'): Promise<void> {
    const answer = await portal.browser().post('/password/forgotten', { name }, '/sign-in')
    assert.equal(answer.status, 303)
    await until(`a letter to ${name}`, async () =>
      (await listMails(room.world)).some(({ username }) => username === name),
    )
  }

  /** Every row of every table that has to do with it, as text; bytes in hex. */
  async function dump(): Promise<string> {
    const { db } = room.world.owner
    const tables =
      'mails password_links records record_payloads people sign_ins sign_in_cookies sign_in_tries settings'
    const texts = await Promise.all(
      tables
        .split(' ')
        .map((table) => rows<{ text: string }>(db, `select t::text as text from ${table} t`)),
    )
    return texts
      .flat()
      .map(({ text }) => text)
      .join('\n')
  }
})
