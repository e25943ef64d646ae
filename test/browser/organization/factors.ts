import { rows } from '../../../db/store.ts'
import type { World } from '../../support/world.ts'

/** Gives somebody an app, a passkey and recovery codes, as lists show them; nothing opens by these. */
export async function layFactors({ owner }: World, username: string): Promise<void> {
  await rows(
    owner.db,
    `with who as (
       select id as person_id, organization_id from people where username = :username
     ), app as (
       insert into mfa_totp (id, organization_id, person_id, sealed, confirmed_at, last_step)
       select gen_random_uuid(), organization_id, person_id, 'x', now() - interval '40 days', 1 from who
     ), codes as (
       insert into mfa_recovery_codes (hash, organization_id, person_id)
       select cast('code ' || number as bytea), organization_id, person_id
         from who, generate_series(1, 8) as numbers (number)
     )
     insert into mfa_passkeys (organization_id, person_id, name, credential_id, public_key, counter)
     select organization_id, person_id, 'blue key', 'AAAA', 'x', 0 from who`,
    { username },
  )
}
