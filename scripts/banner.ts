import type { Config } from '../config.ts'
import type { DemoPerson, DemoWorld } from './home-file.ts'

/** What a newcomer reads once everything runs: where, who, and what to try next. */
export function banner(
  config: Config,
  { world, seconds }: { world: DemoWorld | undefined; seconds: string },
): string {
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
    ...(world === undefined ? nextSteps(portal) : demoSteps(portal, world)),
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

function nextSteps(portal: string): string[] {
  return [
    '',
    'Next steps',
    '  1. Make the first admin:  npx --no-install daypass user add NAME --admin --audit',
    `  2. Sign in at ${portal} and add a data source and its roles.`,
    '  3. Request a role, approve it, and connect with psql through the proxy.',
  ]
}
