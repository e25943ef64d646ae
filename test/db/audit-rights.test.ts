import assert from 'node:assert/strict'
import pg from 'pg'
import { openTrail, type Trail } from '../support/trail.ts'

const INSUFFICIENT_PRIVILEGE = '42501'
const TABLES = ['saved_filters', 'person_preferences']

describe('what auditors keep for themselves', () => {
  let trail: Trail
  let portal: pg.Client

  before(async () => {
    trail = await openTrail()
    portal = new pg.Client({ connectionString: trail.portal.url })
    await portal.connect()
  })

  after(async () => {
    await portal.end()
    await trail.close()
  })

  it('is kept by the portal, once a name and owner', async () => {
    const { organization, person } = trail.audrey
    const save = () =>
      portal.query(
        `insert into saved_filters (organization_id, owner_id, name, query) values ($1, $2, 'Denied', 'state=DENIED')`,
        [organization.id, person.id],
      )
    await save()
    await assert.rejects(save(), { constraint: 'filter_names_are_unique' })
    await portal.query(
      `update saved_filters set shared = true, name = 'All denied', changed_at = now()`,
    )
    assert.equal((await portal.query('delete from saved_filters')).rowCount, 1)
    await portal.query(
      `insert into person_preferences (person_id, organization_id, audit_columns) values ($1, $2, '{at,actor}')`,
      [person.id, organization.id],
    )
    await portal.query(`update person_preferences set audit_zone = 'utc', changed_at = now()`)
  })

  it("is nobody's to hand to another person or company", async () => {
    for (const sql of [
      'update saved_filters set owner_id = owner_id',
      'update saved_filters set organization_id = organization_id',
      'update person_preferences set person_id = person_id',
      'update person_preferences set organization_id = organization_id',
      'delete from person_preferences',
    ]) {
      await assert.rejects(portal.query(sql), { code: INSUFFICIENT_PRIVILEGE }, sql)
    }
  })

  for (const part of ['broker', 'proxy'] as const) {
    it(`is no business of the ${part}`, async () => {
      const client = new pg.Client({ connectionString: trail.store.partUrls[part] })
      await client.connect()
      try {
        for (const table of TABLES) {
          for (const sql of [`select from ${table}`, `delete from ${table}`]) {
            await assert.rejects(client.query(sql), { code: INSUFFICIENT_PRIVILEGE }, sql)
          }
        }
      } finally {
        await client.end()
      }
    })
  }
})
