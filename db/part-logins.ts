import type { KeyHolder } from '../lib/seal.ts'
import { derive, derivePartKey } from '../lib/seal.ts'
import { makeVerifier } from '../lib/scram.ts'
import { getRow, openStore, rows, type Db } from './store.ts'

export const PARTS = ['portal', 'broker', 'proxy'] as const satisfies readonly KeyHolder[]

/** PostgreSQL's own default for passwords people might see (scram_iterations). */
const ITERATIONS = 4096

/**
 * Gives each part a login of its own on the store, a member of that part's group role and of
 * nothing else, and returns the addresses. Names carry the database's OID, so that two installs on
 * one server don't meet; passwords are derived from the master key, so that several machines agree
 * without a word and nothing more needs keeping. The owner's login must be allowed to create roles.
 */
export async function providePartLogins(
  ownerUrl: string,
  masterKey: Buffer,
): Promise<Readonly<Record<KeyHolder, string>>> {
  const store = openStore(ownerUrl, { poolSize: 1 })
  try {
    const { oid } = await getRow<{ oid: number }>(
      store.db,
      `select oid from pg_database where datname = current_database()`,
    )
    const urls: [KeyHolder, string][] = []
    for (const part of PARTS) {
      const login = `daypass_${part}_${String(oid)}`
      const password = derive(derivePartKey(masterKey, part), 'daypass store login').toString('hex')
      const url = urlFor(ownerUrl, login, password)
      if (!(await opens(url))) await provide(store.db, { part, login, password })
      urls.push([part, url])
    }
    return Object.fromEntries(urls) as Record<KeyHolder, string>
  } finally {
    await store.close()
  }
}

interface PartLogin {
  readonly part: KeyHolder
  readonly login: string
  readonly password: string
}

/** `login` is ours to the letter (no quoting needed); the server sees a verifier, never the password. */
async function provide(db: Db, { part, login, password }: PartLogin): Promise<void> {
  const verifier = await makeVerifier(password, { iterations: ITERATIONS })
  await db.transaction(async (tx) => {
    await rows(tx, `select pg_advisory_xact_lock(hashtext('daypass part logins'))`)
    const { there } = await getRow<{ there: boolean }>(
      tx,
      `select exists (select from pg_roles where rolname = :login) as there`,
      { login },
    )
    if (!there) await rows(tx, `create role ${login} login in role daypass_${part}`)
    await rows(tx, `alter role ${login} login password '${verifier}'`)
  })
}

async function opens(url: string): Promise<boolean> {
  const store = openStore(url, { poolSize: 1 })
  try {
    await rows(store.db, 'select 1')
    return true
  } catch {
    return false
  } finally {
    await store.close()
  }
}

function urlFor(ownerUrl: string, login: string, password: string): string {
  const url = new URL(ownerUrl)
  url.username = login
  url.password = password
  return url.href
}
