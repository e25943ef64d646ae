import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { getGate, type Gate } from '../../broker/sessions/gate.ts'
import { parseSessionId, type SessionId } from '../../lib/ids.ts'
import { deriveScramKeys } from '../../lib/scram.ts'
import { openingKey, publicBytesOf, seal } from '../../lib/seal.ts'
import { Holders } from '../../proxy/holders.ts'
import { UpstreamSecrets } from '../../proxy/upstream-secrets.ts'
import { GrantedWorld } from '../support/granted.ts'

const KEY = openingKey(randomBytes(32))
const SALT = randomBytes(16)

describe('the passwords of session users', () => {
  const sealed = (id: SessionId, password: string) => ({
    id,
    upstreamSealed: seal(publicBytesOf(KEY), password, `session_users.upstream_sealed:${id}`),
  })

  it('are opened and hashed once for all connections of a session, until they change', async () => {
    const secrets = new UpstreamSecrets(KEY)
    const first = sealed(idOf(7), 'one')
    const secret = secrets.of(first)
    assert.equal(
      secrets.of({ ...first, upstreamSealed: Buffer.from(first.upstreamSealed) }),
      secret,
    )
    const keys = await secret.keysFor(SALT, 2)
    assert.deepEqual(keys, await deriveScramKeys('one', SALT, 2))
    assert.equal(await secret.keysFor(Buffer.from(SALT), 2), keys)
    assert.deepEqual(await secret.keysFor(SALT, 3), await deriveScramKeys('one', SALT, 3))
    const other = randomBytes(16)
    assert.deepEqual(await secret.keysFor(other, 3), await deriveScramKeys('one', other, 3))

    const changed = secrets.of(sealed(idOf(7), 'two'))
    assert.deepEqual(await changed.keysFor(SALT, 2), await deriveScramKeys('two', SALT, 2))
  })

  it('are one session’s alone', () => {
    const secrets = new UpstreamSecrets(KEY)
    const first = sealed(idOf(7), 'one')
    secrets.of(first)
    assert.throws(() => secrets.of({ ...first, id: idOf(8) }), { code: 'sealed_value_unreadable' })
  })

  it('are kept of so many sessions, those whose last login is the longest ago go first', () => {
    const secrets = new UpstreamSecrets(KEY)
    const all = Array.from({ length: 1_001 }, (_, index) => sealed(idOf(index + 1), 'x'))
    const [first, second] = all.map((each) => secrets.of(each))
    const again = all.slice(0, 2).map((each) => secrets.of(each))
    assert.notEqual(again[0], first)
    assert.notEqual(again[1], second)
    const [, , third] = all
    assert.ok(third)
    const kept = secrets.of(third)
    for (const each of all.slice(3, 1_000)) secrets.of(each)
    assert.equal(secrets.of(third), kept)
  })
})

describe('what is kept of a session for its connections', () => {
  let world: GrantedWorld
  let gate: Gate

  before(async () => {
    world = await GrantedWorld.make()
    const { id } = await world.grant()
    gate = await getGate(world.store.db, id)
  })
  after(() => world.close())

  it('is kept once where nothing has changed, as long as one lasts', async () => {
    const holders = new Holders()
    const first = holders.share(gate)
    const second = holders.share(await getGate(world.store.db, gate.id))
    assert.equal(second.holder, first.holder)
    first.leave()
    assert.equal(holders.share(await getGate(world.store.db, gate.id)).holder, first.holder)
  })

  it('is not kept when the last has left', async () => {
    const holders = new Holders()
    const first = holders.share(gate)
    first.leave()
    const next = holders.share(await getGate(world.store.db, gate.id))
    assert.notEqual(next.holder, first.holder)
  })

  it('is told apart where anything that a record tells has changed', () => {
    const holders = new Holders()
    const { snapshot, requester, dataSource, organization } = gate
    const first = holders.share(gate)
    const changes: readonly Partial<Gate>[] = [
      { snapshot: { ...snapshot, end: snapshot.end?.plus({ minutes: 1 }) ?? null } },
      { snapshot: { ...snapshot, roles: ['other'] } },
      { requester: { ...requester, username: 'renamed' } },
      { dataSource: { ...dataSource, name: 'renamed' } },
      { organization: { ...organization, name: 'renamed' } },
    ]
    for (const change of changes) {
      const changed = { ...gate, ...change }
      const { holder, leave } = holders.share(changed)
      assert.notEqual(holder, first.holder)
      assert.deepEqual({ ...changed, ...holder }, changed)
      leave()
    }
  })
})

function idOf(number: number): SessionId {
  const id = parseSessionId(String(number))
  assert.ok(id)
  return id
}
