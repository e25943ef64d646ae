import assert from 'node:assert/strict'
import type { KeyObject } from 'node:crypto'
import { uuidv7 } from '../../lib/ids.ts'
import { silentLog } from '../../lib/log.ts'
import { Shutdown } from '../../lib/shutdown.ts'
import { requestSession } from '../../broker/sessions/lifecycle.ts'
import { brokerKey, startBroker } from '../../broker/main.ts'
import { startMailer } from '../../broker/letters/mailer.ts'
import { Outbox } from '../../broker/letters/outbox.ts'
import { openMailServer } from '../../broker/letters/mail-server.ts'
import { freePort } from '../../db/embedded.ts'
import { claimMails, dropUnsendable, queueMail, tidyMails } from '../../db/mails.ts'
import { rows, storeTime } from '../../db/store.ts'
import { look, until } from '../support/broker.ts'
import { CERT, listMails, SilentServer, TestMailServer, wakeMails } from '../support/mail-server.ts'
import { makeWorld, type Name, type World } from '../support/world.ts'

const PUBLIC_URL = new URL('http://localhost:8080')

describe('the mailer', () => {
  const closings: (() => unknown)[] = []
  let world: World

  before(async () => {
    world = await makeWorld()
    await rows(world.owner.db, `update people set email = username || '@example.com'`)
    await rows(
      world.owner.db,
      `with everybody as (
         insert into groups (organization_id, name)
         select id, 'everybody' from organizations
      returning id, organization_id
       ), told as (
         insert into alert_rules (organization_id, rule, enabled, mailed, group_id, changed_at)
         select organization_id, 'residue', true, true, id, now() from everybody
       )
       insert into group_members (group_id, person_id, organization_id)
       select everybody.id, people.id, people.organization_id from everybody, people`,
    )
  })
  after(() => world.close())
  afterEach(async () => {
    for (const close of closings.splice(0).reverse()) await close()
    await rows(world.owner.db, `delete from mails`)
    await rows(world.owner.db, `delete from alerts`)
  })

  const openMail = async (options: Parameters<typeof TestMailServer.open>[0] = {}) => {
    const mail = await TestMailServer.open(options)
    // last of all: it waits for those who are connected
    closings.unshift(() => mail.close())
    return mail
  }
  const settingsFor = (smtpUrl: string) => ({
    smtpUrl,
    mailFrom: 'Daypass <daypass@example.com>',
    publicUrl: PUBLIC_URL,
  })
  const openOutbox = (smtpUrl: string): Outbox => {
    const server = openMailServer(settingsFor(smtpUrl))
    closings.push(() => server.close())
    const mail = { server, publicUrl: PUBLIC_URL }
    return new Outbox({ store: world.broker, log: silentLog, key: keyOf(world), mail })
  }
  /** Writes so many letters to each of some people. */
  const queue = async (to: readonly Name[], count = 1): Promise<void> => {
    const dueAt = await storeTime(world.owner.db)
    const { organizationId } = world.people.mark
    await world.broker.change(async (tx) => {
      for (let n = 1; n <= count; n += 1) {
        // an alert that was told of already, so that nobody writes letters but this
        const alertId = uuidv7()
        await rows(
          tx,
          `insert into alerts (id, organization_id, rule, key, detail, raised_at, seen_at, told_at)
           values (:alertId, :organizationId, 'residue', :alertId, :detail, now(), now(), now())`,
          { alertId, organizationId, detail: `table ${String(n)}` },
        )
        await queueMail(tx, organizationId, {
          kind: 'alert_raised',
          key: alertId,
          to: to.map((name) => world.people[name].id),
          facts: { rule: 'residue', detail: `table ${String(n)}` },
          dueAt,
        })
      }
    })
  }
  const statesOf = async () => (await listMails(world)).map(({ state }) => state)
  const alerts = () =>
    rows<{ detail: string; open: boolean }>(
      world.owner.db,
      `select detail, resolved_at is null as open from alerts where rule = 'mail_failing'`,
    )
  const tasks = async () => {
    const found = await rows<{ action: string }>(
      world.owner.db,
      `select action from records where area = 'tasks' and body::jsonb->'subject'->>'id' = 'mail' order by at, seq`,
    )
    return found.map(({ action }) => action)
  }

  it('keeps letters while the server is down, tells of it, and sends them once it is back', async () => {
    // of those that nobody is handed while it is closed
    const first = await TestMailServer.open({ port: await freePort() })
    await first.close()
    await queue(['mark', 'john'])
    const outbox = openOutbox(first.url)
    await outbox.send()
    assert.deepEqual(await statesOf(), ['waits', 'waits'])
    assert.deepEqual(await alerts(), [])

    await until('told of it', async () => {
      await wakeMails(world)
      await outbox.send()
      return (await alerts()).length > 0
    })
    assert.match((await alerts())[0]?.detail ?? '', /ECONNREFUSED/)
    const mail = await openMail({ port: first.port })
    await until('sent', async () => {
      await wakeMails(world)
      await outbox.send()
      return !(await statesOf()).includes('waits')
    })
    assert.deepEqual(
      mail.list().map(([to]) => to),
      ['john@example.com', 'mark@example.com'],
    )
    assert.deepEqual(
      (await alerts()).map(({ open }) => open),
      [false],
    )
    assert.deepEqual(await tasks(), ['task.failed', 'task.succeeded'])
  })

  it('delays nothing else when the server takes connections and never says a word', async () => {
    const silent = await SilentServer.open()
    const shutdown = new Shutdown(silentLog)
    closings.push(
      () => shutdown.close(),
      () => silent.close(),
    )
    await queue(['john', 'admin'], 4)
    const config = { masterKey: world.masterKey, partKey: undefined, ...settingsFor(silent.url) }
    await startBroker({ config, store: world.broker, log: silentLog, shutdown })
    await until('dialled', () => Promise.resolve(silent.dials > 0))
    const { id } = await requestSession(world.portal, world.scopes.mark, world.origins.mark, {
      dataSource: 'shop',
      roles: ['role2'],
      justification: 'ticket 7',
    })
    // the mail server is given up after ten seconds: who waits for it would come later
    await until('granted', async () => (await look(world, id)).state === 'GRANTED', 8_000)

    assert.equal((await statesOf()).includes('sent'), false)
  })

  it('sends each letter once although several brokers look for them', async () => {
    const mail = await openMail()
    await queue(['mark', 'admin', 'john'], 10)
    const outboxes = Array.from({ length: 3 }, () => openOutbox(mail.url))
    await Promise.all(outboxes.map((outbox) => outbox.send()))

    assert.equal(mail.letters.length, 30)
    assert.equal(new Set(mail.letters.map(({ messageId }) => messageId)).size, 30)
    assert.deepEqual(new Set(await statesOf()), new Set(['sent']))
  })

  it('sends a letter whose mailer died with it once the claim has run out, under the same id', async () => {
    const mail = await openMail()
    await queue(['john'])
    const [claimed] = await claimMails(world.broker.db, { limit: 1, seconds: 60 })
    const outbox = openOutbox(mail.url)
    await outbox.send()
    assert.equal(mail.letters.length, 0)
    await wakeMails(world)
    await outbox.send()

    assert.deepEqual(
      mail.letters.map(({ messageId }) => messageId),
      [`<${claimed?.id ?? ''}@localhost>`],
    )
  })

  it('gives up a letter that is refused for good, tries again what is not, and sends the others', async () => {
    const mail = await openMail()
    mail.answers.set('mark@example.com', { responseCode: 550, message: '5.1.1 no such user' })
    mail.answers.set('admin@example.com', { responseCode: 451, message: '4.7.1 come back later' })
    mail.answers.set('audrey@example.com', { responseCode: 550, message: '5.7.1 relaying denied' })
    await queue(['mark', 'admin', 'john', 'audrey'])
    const outbox = openOutbox(mail.url)
    const before = (await tasks()).length
    await outbox.send()

    const kept = new Map((await listMails(world)).map((each) => [each.username, each]))
    assert.equal(kept.get('john')?.state, 'sent')
    assert.equal(kept.get('mark')?.state, 'dropped')
    assert.match(kept.get('mark')?.detail ?? '', /^Refused by the mail server: .*no such user/)
    assert.equal(kept.get('admin')?.state, 'waits')
    assert.match(kept.get('admin')?.detail ?? '', /come back later/)
    assert.equal(kept.get('audrey')?.state, 'waits')
    assert.deepEqual((await tasks()).slice(before), ['task.failed'])
    assert.deepEqual(await alerts(), [])
    mail.answers.clear()
    await wakeMails(world)
    await outbox.send()
    assert.equal(mail.letters.length, 3)
  })

  it("signs in over TLS, and sends nothing to a server that it can't trust", async () => {
    const login = { username: 'daypass', password: 'p@ss/w:rd' }
    const mail = await openMail({ secure: true, login })
    const address = (password: string, query = '') =>
      `smtps://daypass:${encodeURIComponent(password)}@localhost:${String(mail.port)}/?${query}`
    const ca = `tls.ca=${encodeURIComponent(CERT)}`
    const send = async (url: string) => {
      await rows(world.owner.db, `delete from mails`)
      await queue(['john'])
      await openOutbox(url).send()
      return (await listMails(world))[0]
    }

    assert.match((await send(address(login.password)))?.detail ?? '', /self-signed certificate/)
    assert.match((await send(address('wrong', ca)))?.detail ?? '', /Invalid login/)
    assert.equal(mail.letters.length, 0)
    assert.equal((await send(address(login.password, ca)))?.state, 'sent')
    assert.equal(mail.letters.length, 1)
  })

  it('shows no login to a server that offers no TLS where the address asks for it', async () => {
    const login = { username: 'daypass', password: 'secret' }
    const mail = await openMail({ login, allowInsecureAuth: true, hideSTARTTLS: true })
    await queue(['john'])
    const host = `daypass:secret@127.0.0.1:${String(mail.port)}`
    await openOutbox(`smtp://${host}/?requireTLS=true`).send()

    assert.deepEqual(await statesOf(), ['waits'])
    await wakeMails(world)
    await openOutbox(`smtp://${host}`).send()
    assert.deepEqual(await statesOf(), ['sent'])
  })

  it('gives up after three days, and forgets what was dealt with long ago', async () => {
    await queue(['john', 'admin', 'mark'])
    const age = (name: Name, days: number, column: string) =>
      rows(
        world.owner.db,
        `update mails set ${column} = now() - make_interval(days => :days) where person_id = :person`,
        { days, person: world.people[name].id },
      )
    await age('john', 4, 'due_at')
    await age('mark', 31, 'sent_at')
    await tidyMails(world.broker.db, { giveUpDays: 3, keepDays: 30 })

    assert.deepEqual(
      (await listMails(world)).map(({ username, state, detail }) => [username, state, detail]),
      [
        ['john', 'dropped', 'Not sent for 3 days.'],
        ['admin', 'waits', null],
      ],
    )
  })

  it('drops what nobody can send where there is no mail server, with that for a reason', async () => {
    await queue(['john', 'admin'])
    await rows(
      world.owner.db,
      `update mails set due_at = now() - interval '2 hours' where person_id = :john`,
      { john: world.people.john.id },
    )
    const mailer = startMailer({ store: world.broker, log: silentLog, key: keyOf(world) })
    await until('dropped', async () => (await statesOf()).includes('dropped'))
    await mailer.close()

    assert.deepEqual(
      (await listMails(world)).map(({ username, state, detail }) => [username, state, detail]),
      [
        ['john', 'dropped', 'No mail server is set (DAYPASS_SMTP_URL).'],
        ['admin', 'waits', null],
      ],
    )
    await dropUnsendable(world.broker.db, { afterMinutes: 0, detail: 'none' })
    assert.deepEqual(await statesOf(), ['dropped', 'dropped'])
  })
})

function keyOf({ masterKey }: World): KeyObject {
  return brokerKey({ masterKey, partKey: undefined })
}
