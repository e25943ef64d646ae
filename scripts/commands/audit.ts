import { pipeline } from 'node:stream/promises'
import { Option, type Command } from 'commander'
import { openPersonClient } from '../person-client.ts'

/** Option name to query name, as the API spells it. */
const FILTERS = {
  since: 'since',
  until: 'until',
  session: 'session',
  state: 'state',
  scope: 'scope',
  action: 'action',
  actor: 'actor',
  requester: 'requester',
  role: 'role',
  username: 'username',
  dataSource: 'dataSource',
  q: 'q',
  zone: 'zone',
} as const

type AuditOptions = Readonly<Record<keyof typeof FILTERS | 'format' | 'view', string | undefined>>

/** audit: the trail as a file, with the Audit tab's filters. */
export function addAudit(program: Command): void {
  program
    .command('audit')
    .description('print the audit trail, with the filters of the Audit tab')
    .option('--since <time>', 'ISO-8601 with offset, or local time read in --zone')
    .option('--until <time>', 'the same')
    .option('--session <number>')
    .option('--state <state>', 'such as GRANTED')
    .option('--scope <scope>', 'role or session')
    .option('--action <action>', 'such as session.granted')
    .option('--actor <name>')
    .option('--requester <name>')
    .option('--role <name>')
    .option('--username <name>', 'of the session user')
    .option('--data-source <name>')
    .option('--q <text>', 'free text')
    .option('--zone <zone>', 'to read local times in, such as Europe/Warsaw')
    .addOption(
      new Option('--view <view>', 'state rows alone, or every record')
        .choices(['sessions', 'all'])
        .default('sessions'),
    )
    .addOption(new Option('--format <format>').choices(['text', 'csv', 'jsonl']).default('text'))
    .action(printAudit)
}

async function printAudit(options: AuditOptions): Promise<void> {
  const filters: [string, string | undefined][] = Object.entries(FILTERS).map(([option, name]) => [
    name,
    valueOf(options, option),
  ])
  const bytes = openPersonClient().stream('/audit/download', {
    ...Object.fromEntries(filters),
    format: options.format,
    view: options.view,
    includeFilters: 'true',
  })
  await pipeline(bytes, process.stdout, { end: false })
}

function valueOf(options: AuditOptions, name: string): string | undefined {
  return Object.entries(options).find(([option]) => option === name)?.[1]
}
