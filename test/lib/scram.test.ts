import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { makeVerifier, mockVerifier, parseVerifier } from '../../lib/scram.ts'
import { dataSourceCluster } from '../support/clusters.ts'

describe('lib/scram', () => {
  it('derives what RFC 7677 section 3 derives', async () => {
    const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64')

    const verifier = await makeVerifier('pencil', { salt, iterations: 4096 })

    assert.equal(
      verifier,
      'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$' +
        'WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:' +
        'wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=',
    )
  })

  it('reads back what it wrote, and nothing else', async () => {
    const text = await makeVerifier('secret')

    const verifier = parseVerifier(text)

    assert.equal(verifier?.iterations, 4096)
    assert.equal(verifier.salt.length, 16)
    for (const broken of [
      '',
      'md5abc',
      text.slice(1),
      `${text}=`,
      text.replace('4096', '0'),
      text.replace(/:[^:]*$/, ':AAAA'),
    ]) {
      assert.equal(parseVerifier(broken), undefined, broken)
    }
  })

  it('salts anew each time', async () => {
    assert.notEqual(await makeVerifier('secret'), await makeVerifier('secret'))
  })

  it('takes compatible spellings of a secret for the same', async () => {
    const salt = randomBytes(16)
    const composed = await makeVerifier('\u00e9\u00a0x', { salt })

    assert.equal(await makeVerifier('e\u0301\u00ad x', { salt }), composed)
  })

  it('mocks a name with the same salt each time and another salt for another name', () => {
    const key = randomBytes(32)

    assert.deepEqual(mockVerifier(key, 'nobody'), mockVerifier(key, 'nobody'))
    assert.notDeepEqual(mockVerifier(key, 'nobody').salt, mockVerifier(key, 'noone').salt)
    assert.notDeepEqual(
      mockVerifier(key, 'nobody').salt,
      mockVerifier(randomBytes(32), 'nobody').salt,
    )
  })

  for (const iterations of [1, 4096]) {
    it(`makes verifiers of ${iterations} iterations that PostgreSQL lets in by`, async () => {
      const cluster = await dataSourceCluster()
      const role = `scram_${randomBytes(6).toString('hex')}`
      const secret = randomBytes(24).toString('base64url')
      const verifier = await makeVerifier(secret, { iterations })
      const admin = new pg.Client({ connectionString: cluster.superuserUrl() })
      await admin.connect()
      try {
        await admin.query(`create role ${role} login password '${verifier}'`)
        const stored = await admin.query<{ rolpassword: string }>(
          'select rolpassword from pg_authid where rolname = $1',
          [role],
        )
        assert.equal(stored.rows[0]?.rolpassword, verifier)

        assert.equal(await whoAmI(cluster, role, secret), role)
        await assert.rejects(whoAmI(cluster, role, `${secret}x`), { code: '28P01' })
      } finally {
        await admin.query(`drop role if exists ${role}`)
        await admin.end()
      }
    })
  }
})

async function whoAmI(
  { host, port }: { host: string; port: number },
  user: string,
  password: string,
): Promise<string | undefined> {
  const client = new pg.Client({ host, port, user, password, database: 'postgres' })
  await client.connect()
  const { rows } = await client.query<{ name: string }>('select current_user as name')
  await client.end()
  return rows[0]?.name
}
