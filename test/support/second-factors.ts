import assert from 'node:assert/strict'
import { TOTP } from 'otpauth'
import { rows } from '../../db/store.ts'
import type { Browser } from './portal.ts'
import type { World } from './world.ts'

/** The page that a person's factors are added on; its forms carry the token. */
const OWN = '/account/mfa'

/** What an app with this secret shows now. */
export function codeOf(secret: string): string {
  return new TOTP({ secret }).generate()
}

/** Another code that it does not show around now. */
export function wrongCodeFor(secret: string): string {
  const around = [-60, -30, 0, 30, 60].map((seconds) =>
    new TOTP({ secret }).generate({ timestamp: Date.now() + seconds * 1000 }),
  )
  const wrong = ['000000', '111111', '222222', '333333', '444444', '555555']
  return wrong.find((code) => !around.includes(code)) ?? assert.fail('six codes, five steps')
}

/** Lets the code of this moment be used again, as if an hour had passed. */
export async function passTime({ owner }: World): Promise<void> {
  await rows(
    owner.db,
    'update mfa_totp set last_step = last_step - 120 where last_step is not null',
  )
}

/** Adds an authenticator app in a signed-in browser; its secret, and the recovery codes that come with it. */
export async function addApp(
  browser: Browser,
): Promise<{ readonly secret: string; readonly codes: readonly string[] }> {
  const begun = await browser.post(`${OWN}/totp`, {}, OWN)
  assert.equal(begun.get('location'), `${OWN}/totp`, begun.text)
  const secret = secretOn((await browser.get(`${OWN}/totp`)).text)
  const shown = await browser.post(`${OWN}/totp/confirmation`, { code: codeOf(secret) }, OWN)
  assert.equal(shown.status, 200, shown.text)
  return { secret, codes: codesOn(shown.text) }
}

/** The secret that a page shows. */
export function secretOn(html: string): string {
  const [, secret] = /data-secret>([A-Z2-7 ]+)</.exec(html) ?? []
  assert.ok(secret, 'a secret on the page')
  return secret.replaceAll(' ', '')
}

/** The recovery codes that a page shows. */
export function codesOn(html: string): string[] {
  return [...html.matchAll(/<li><code>([a-z2-9-]{19})<\/code>/g)].map(([, code]) => code ?? '')
}

/** Sets the organization's policy past all rules. */
export async function setPolicy(
  { owner }: World,
  policy: {
    readonly requiredFor?: string
    readonly stepUp?: readonly string[]
    readonly ranges?: readonly string[]
    readonly mode?: string
  },
): Promise<void> {
  const { requiredFor = 'nobody', stepUp = [], ranges = [], mode = 'skip' } = policy
  await rows(
    owner.db,
    `insert into mfa_policies (organization_id, required_for, step_up, trusted_ranges, trusted_mode)
     select id, :requiredFor, :stepUp, cast(:ranges as cidr[]), :mode
       from organizations
         on conflict (organization_id) do update
        set required_for = excluded.required_for, step_up = excluded.step_up,
            trusted_ranges = excluded.trusted_ranges, trusted_mode = excluded.trusted_mode`,
    { requiredFor, stepUp, ranges, mode },
  )
}
