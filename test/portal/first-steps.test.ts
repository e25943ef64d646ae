import assert from 'node:assert/strict'
import { rows } from '../../db/store.ts'
import { openPortal, type TestPortal } from '../support/portal.ts'
import { makeWorld, type World } from '../support/world.ts'

describe('administration before there is anything', () => {
  let world: World
  let portal: TestPortal

  before(async function () {
    this.timeout(60_000)
    world = await makeWorld()
    await rows(world.owner.db, 'delete from roles')
    portal = await openPortal(world)
  })

  after(async () => {
    await portal.close()
    await world.close()
  })

  it('teaches what a role takes, and then what a data source takes, in the order to do it', async () => {
    assert.deepEqual(await stepsOf('/roles'), [
      'Choose a role of the database',
      'Say who approves it',
      'Say for how long',
      '/roles/new',
    ])
    await rows(world.owner.db, 'delete from data_sources')
    assert.deepEqual((await stepsOf('/roles')).at(-1), '/data-sources/new')
    assert.deepEqual(await stepsOf('/data-sources'), [
      'Make a login for Daypass',
      'Add the server',
      'Add its roles',
      '/data-sources/new',
    ])
  })

  it('says what it means to be locked where nobody is', async () => {
    const { text } = await (await portal.signedIn('admin')).get('/users?status=locked')
    assert.match(text, /Nobody is locked/)
  })

  it('offers nothing to add to who may only read', async () => {
    await rows(
      world.owner.db,
      `update people set management_privilege = 'read_only' where username = 'john'`,
    )
    const john = await portal.signedIn('john')
    for (const path of ['/roles', '/data-sources']) {
      const { text } = await john.get(path)
      assert.match(text, /class="steps"/)
      assert.doesNotMatch(text, /href="\/(roles|data-sources)\/new"/)
    }
  })

  /** The names of the steps of an empty page, and where its button leads. */
  async function stepsOf(path: string): Promise<string[]> {
    const { text } = await (await portal.signedIn('admin')).get(path)
    const [, empty = ''] = /<div class="empty">([\s\S]*?)<\/div>/.exec(text) ?? []
    return [...empty.matchAll(/<strong>([^<]+)<|href="([^"]+)"/g)].map(
      ([, name, href]) => name ?? href ?? '',
    )
  }
})
