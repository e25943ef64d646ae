import assert from 'node:assert/strict'
import {
  addPasskey,
  countSignature,
  keepChallenge,
  listPasskeys,
  takeChallenge,
} from '../../db/mfa-passkeys.ts'
import {
  changeMfaPolicy,
  findStanding,
  getMfaPolicy,
  normalizeRanges,
} from '../../db/mfa-policy.ts'
import { keepCodes, useCode } from '../../db/mfa-recovery.ts'
import {
  confirmTried,
  findConfirmed,
  findTried,
  keepTried,
  removeTotp,
  useStep,
} from '../../db/mfa-totp.ts'
import { deletePerson } from '../../db/person-changes.ts'
import { rows } from '../../db/store.ts'
import { makeWorld, type World } from '../support/world.ts'

describe('second factors in the store', () => {
  let world: World

  before(async function () {
    this.timeout(60_000)
    world = await makeWorld()
  })
  after(() => world.close())

  it('a code of an app is used by one of many who bring it at once, and older ones with it', async () => {
    const { mark: owner } = world.people
    const { db } = world.portal
    await addTotp(100)
    const kept = await findConfirmed(db, owner.id)
    assert.ok(kept)
    const won = await Promise.all(Array.from({ length: 8 }, () => useStep(db, kept, 105)))
    assert.equal(won.filter(Boolean).length, 1)
    assert.equal(await useStep(db, kept, 105), false)
    assert.equal(await useStep(db, kept, 104), false)
    assert.equal(await useStep(db, kept, 106), true)
  })

  it('an app counts from its first code on, once, in place of the one before', async () => {
    const { mark: owner } = world.people
    const { db } = world.portal
    const before = await findConfirmed(db, owner.id)
    await world.portal.change((tx) => keepTried(tx, owner, () => Buffer.from('second')))
    const tried = await findTried(db, owner.id)
    assert.ok(tried)
    assert.equal(await useStep(db, tried, 500), false, 'it does not count yet')
    assert.deepEqual(await findConfirmed(db, owner.id), before)
    const confirm = () =>
      world.portal.change((tx) =>
        confirmTried(tx, world.origins.mark, { owner, id: tried.id, step: 501 }),
      )
    const confirmed = await Promise.all([confirm(), confirm()])
    assert.equal(confirmed.filter(Boolean).length, 1)
    assert.equal((await findConfirmed(db, owner.id))?.id, tried.id)
    assert.equal(await useStep(db, tried, 501), false, 'its first code is used up')
  })

  it('a recovery code is used by one of many, and by nobody else', async () => {
    const { mark: owner, john } = world.people
    const { db } = world.portal
    const hashes = [Buffer.from('one'), Buffer.from('two')]
    const keep = (made: Buffer[]) =>
      world.portal.change((tx) => keepCodes(tx, world.origins.mark, { owner, hashes: made }))
    await keep(hashes)
    const [first = Buffer.of(), second = Buffer.of()] = hashes
    assert.equal(await useCode(db, john.id, first), false)
    const won = await Promise.all(Array.from({ length: 8 }, () => useCode(db, owner.id, first)))
    assert.equal(won.filter(Boolean).length, 1)
    await keep([Buffer.from('three')])
    assert.equal(await useCode(db, owner.id, second), false, 'new ones end the old')
  })

  it('codes go with the last factor that they stood in for', async () => {
    const { mark: owner } = world.people
    await world.portal.change((tx) => removeTotp(tx, world.origins.mark, owner))
    assert.equal(await useCode(world.portal.db, owner.id, Buffer.from('three')), false)
  })

  it('a challenge is answered once, by whom it was made for, and for what', async () => {
    const { db } = world.portal
    const challenge = { challenge: 'c1', personId: world.people.mark.id, purpose: 'prove' } as const
    await keepChallenge(db, challenge)
    assert.equal(await takeChallenge(db, { ...challenge, personId: world.people.john.id }), false)
    assert.equal(await takeChallenge(db, { ...challenge, purpose: 'add' }), false)
    const won = await Promise.all([1, 2, 3].map(() => takeChallenge(db, challenge)))
    assert.equal(won.filter(Boolean).length, 1)
    await keepChallenge(db, { ...challenge, challenge: 'c2' })
    await rows(world.owner.db, `update mfa_challenges set expires_at = now() - interval '1 second'`)
    assert.equal(await takeChallenge(db, { ...challenge, challenge: 'c2' }), false)
  })

  it('of two signatures that a copied passkey made, one counts', async () => {
    const { mark: owner } = world.people
    const passkey = {
      name: 'key',
      credentialId: 'AAAA',
      publicKey: Buffer.of(1),
      counter: 4,
      transports: ['usb'],
    }
    await world.portal.change((tx) => addPasskey(tx, world.origins.mark, { owner, passkey }))
    const [kept] = await listPasskeys(world.portal.db, owner.id)
    assert.ok(kept)
    assert.equal(kept.counter, 4)
    const { db } = world.portal
    const won = await Promise.all([5, 6].map((counter) => countSignature(db, kept, counter)))
    assert.equal(won.filter(Boolean).length, 1)
  })

  it('one is asked of whom the policy names', async () => {
    const { db } = world.portal
    const asked: string[] = []
    for (const requiredFor of ['nobody', 'admins', 'approvers', 'everyone'] as const) {
      await change({ requiredFor })
      for (const name of ['mark', 'john', 'admin'] as const) {
        const { isRequired } = await findStanding(db, {
          personId: world.people[name].id,
          address: undefined,
        })
        if (isRequired) asked.push(`${requiredFor} ${name}`)
      }
    }
    assert.deepEqual(asked, [
      'admins admin',
      'approvers john',
      'approvers admin',
      'everyone mark',
      'everyone john',
      'everyone admin',
    ])
    await change({ requiredFor: 'nobody' })
  })

  it('ranges are kept as networks, and hold what lies in them', async () => {
    const { db } = world.portal
    const typed = ['10.1.2.3/8', '10.0.0.0/8', '2001:DB8:0::1/32', '192.0.2.7']
    const trustedRanges = await normalizeRanges(db, typed)
    assert.deepEqual(trustedRanges, ['10.0.0.0/8', '192.0.2.7/32', '2001:db8::/32'])
    await change({ trustedRanges })
    const trusted = async (address: string | undefined) => {
      const standing = await findStanding(db, { personId: world.people.mark.id, address })
      return standing.isTrusted
    }
    assert.equal(await trusted('10.255.0.1'), true)
    assert.equal(await trusted('11.0.0.1'), false)
    assert.equal(await trusted('2001:db8:ffff::1'), true)
    assert.equal(await trusted('2001:db9::1'), false)
    assert.equal(await trusted('192.0.2.8'), false)
    assert.equal(await trusted(undefined), false)
    await change({ trustedRanges: [] })
  })

  it('each change of the settings is told, ranges and apps together where both are set', async () => {
    const told = async (asked: Parameters<typeof change>[0]): Promise<string[]> => {
      const since = await countRecords()
      await change(asked)
      const found = await rows<{ action: string }>(
        world.owner.db,
        `select action from records where action like 'mfa.%' order by at, seq offset :since`,
        { since },
      )
      return found.map(({ action }) => action)
    }
    const ranges = { trustedRanges: ['10.0.0.0/8'] }
    assert.deepEqual(await told({ totp: false }), ['mfa.updated_totp'])
    assert.deepEqual(await told(ranges), ['mfa.updated_trusted_ips'])
    assert.deepEqual(await told({ trustedMode: 'only' }), ['mfa.updated_trusted_ips'])
    const both = ['mfa.updated_trusted_ips', 'mfa.updated_totp']
    assert.deepEqual(await told({ totp: true }), both)
    assert.deepEqual(await told({ trustedRanges: ['10.0.0.0/8', '192.0.2.0/24'] }), both)
    assert.deepEqual(await told({ trustedMode: 'skip' }), both)
    assert.deepEqual(await told({ trustedMode: 'skip' }), [], 'nothing changed')
    assert.deepEqual(await told({ requiredFor: 'admins' }), ['mfa.enabled'])
    assert.deepEqual(await told({ requiredFor: 'everyone' }), ['mfa.updated_requirements'])
    assert.deepEqual(await told({ stepUp: ['approve'] }), ['mfa.updated_requirements'])
    assert.deepEqual(await told({ requiredFor: 'nobody', stepUp: [] }), [
      'mfa.disabled',
      'mfa.updated_requirements',
    ])
    assert.deepEqual(
      (await getMfaPolicy(world.portal.db, world.scopes.admin.organization.id)).stepUp,
      [],
    )
  })

  it('whoever is deleted leaves nothing of it', async () => {
    const { mark } = world.people
    await addTotp(1)
    const counts = () =>
      rows(
        world.owner.db,
        `select from mfa_totp where person_id = :id
          union all select from mfa_passkeys where person_id = :id
          union all select from mfa_recovery_codes where person_id = :id`,
        { id: mark.id },
      )
    assert.ok((await counts()).length > 1)
    await world.portal.change((tx) => deletePerson(tx, world.origins.admin, mark.id))
    assert.deepEqual(await counts(), [])
  })

  function change(asked: Parameters<typeof changeMfaPolicy>[2]): Promise<boolean> {
    return world.portal.change((tx) => changeMfaPolicy(tx, world.origins.admin, asked))
  }

  async function countRecords(): Promise<number> {
    const found = await rows(world.owner.db, `select from records where action like 'mfa.%'`)
    return found.length
  }

  async function addTotp(step: number): Promise<void> {
    const { mark: owner } = world.people
    await world.portal.change((tx) => keepTried(tx, owner, () => Buffer.from('sealed')))
    const tried = await findTried(world.portal.db, owner.id)
    assert.ok(tried)
    const confirmed = { owner, id: tried.id, step }
    await world.portal.change((tx) => confirmTried(tx, world.origins.mark, confirmed))
  }
})
