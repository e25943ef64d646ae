import type { Config } from '../config.ts'
import type { DemoPerson, DemoWorld } from './home-file.ts'

export interface Told {
  /** Undefined without the demo. */
  readonly world: DemoWorld | undefined
  readonly seconds: string
  /** Where the first admin is made; undefined once there is one. */
  readonly setupUrl: string | undefined
}

/** What a newcomer reads once everything runs: where, who, and what to try next. */
export function banner(config: Config, { world, seconds, setupUrl }: Told): string {
  const portal = config.publicUrl.origin
  const { host, port } = config.proxy.publicAddress ?? config.proxy
  const lines = [
    '',
    `Daypass is ready (${seconds} s).`,
    '',
    `  Portal  ${portal}`,
    `  Proxy   ${host}:${String(port)}`,
    ...(config.insecureHttp
      ? [
          '',
          '  WARNING: the portal answers over plain http. Passwords travel in clear: for trials only.',
        ]
      : []),
    ...(world === undefined ? nextSteps(portal, setupUrl) : demoSteps(portal, world)),
    '',
    'Ctrl-C stops everything; the data stays for the next start.',
    '',
  ]
  return `${lines.join('\n')}\n`
}

function demoSteps(portal: string, world: DemoWorld): string[] {
  return [
    '',
    '  Accounts of the demo (again with: npx --no-install daypass demo-accounts)',
    ...world.people.map(account),
    '',
    'Three things to try next',
    `  1. Sign in at ${portal} as mark and request role1 on shop.`,
    '  2. In a private window sign in as john and approve it under Pending Approvals.',
    '  3. Back as mark, open the session, make a credential and paste its psql line into a terminal.',
    '     Then sign in as audrey: the whole story is in the Audit tab.',
  ]
}

function account({ username, password, does }: DemoPerson): string {
  return `    ${username.padEnd(8)} ${password.padEnd(16)} ${does}`
}

/** The link stands on standard output, which is for people; no log holds it. */
function nextSteps(portal: string, setupUrl: string | undefined): string[] {
  const first =
    setupUrl === undefined
      ? [`  1. Sign in at ${portal} and add a data source and its roles.`]
      : [
          '  1. Make the first admin there, once and within 24 hours:',
          `     ${setupUrl}`,
          '     (another link: npx --no-install daypass setup-link)',
          '     Then add a data source and its roles.',
        ]
  return [
    '',
    'Next steps',
    ...first,
    '  2. Add people in the Users tab, and approvers for each role.',
    '  3. Request a role, approve it, and connect with psql through the proxy.',
  ]
}
