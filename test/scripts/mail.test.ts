import assert from 'node:assert/strict'
import { readConfig } from '../../config.ts'
import { sendTestLetter } from '../../scripts/commands/mail.ts'
import { TestMailServer } from '../support/mail-server.ts'

describe('daypass mail test', () => {
  it('sends one letter by the settings, and tells what the mail server said', async () => {
    const mail = await TestMailServer.open()
    mail.answers.set('eve@example.com', { responseCode: 550, message: '5.1.1 no such user' })
    const config = readConfig({ DAYPASS_SMTP_URL: mail.url })
    const refused = (address: string, code: string, message: RegExp) =>
      assert.rejects(sendTestLetter(config, address), { code, message })

    await sendTestLetter(config, 'ada@example.com')
    await refused('eve@example.com', 'mail_refused', /no such user/)
    await refused('ada@example.com, eve@example.com', 'address_not_mailable', /one mailbox/)
    await mail.close()
    await refused('ada@example.com', 'mail_server_failed', /ECONNREFUSED/)
    await assert.rejects(sendTestLetter(readConfig({}), 'ada@example.com'), {
      code: 'smtp_url_missing',
    })

    assert.deepEqual(mail.list(), [
      ['ada@example.com', '[Daypass] a letter to try the mail server'],
    ])
  })
})
