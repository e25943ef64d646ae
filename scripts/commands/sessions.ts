import type { Command } from 'commander'
import { z } from 'zod'
import { openPersonClient } from '../person-client.ts'
import { print, printJson, printTable } from '../print.ts'

/** The part of the API's session that people read in a terminal. */
const SESSION = z.looseObject({
  id: z.string(),
  state: z.string(),
  dataSource: z.string(),
  requester: z.string(),
  roles: z.array(z.object({ name: z.string(), state: z.string() })),
  username: z.string().nullable(),
  start: z.string().nullable(),
  end: z.string().nullable(),
})
type Session = z.infer<typeof SESSION>
/** One page; `next` leads to the one behind it. */
const SESSIONS = z.object({ sessions: z.array(SESSION), next: z.string().nullable() })

interface Json {
  readonly json?: true
}

interface RequestOptions extends Json {
  readonly role: string[]
  readonly start?: string
  readonly end?: string
  readonly minutes?: string
  readonly fromApproval?: true
  readonly ttl?: string
  readonly justification: string
}

/** request, again, approve, deny, cancel, terminate, sessions: as the person of DAYPASS_TOKEN. */
export function addSessions(program: Command): void {
  program
    .command('sessions')
    .description('list the sessions you may see, newest first')
    .option('--state <state>', 'only these, such as GRANTED')
    .option('--mine', 'only your own')
    .option('--json', 'as JSON, for scripts')
    .action(listSessions)
  program
    .command('request')
    .description('ask for roles on a data source')
    .argument('<data-source>')
    .requiredOption('--role <name...>', 'one or more roles')
    .requiredOption('--justification <text>', 'why you need it')
    .option('--start <instant>', 'ISO-8601 with offset; without it: now')
    .option('--end <instant>', 'ISO-8601 with offset')
    .option('--minutes <count>', 'how long')
    .option('--from-approval', 'the window starts when the last approval is in')
    .option('--ttl <minutes>', 'give up when it is not approved within so many minutes')
    .option('--json', 'as JSON, for scripts')
    .action(requestSession)
  program
    .command('again')
    .description('ask again for what an ended session of yours had, starting now')
    .argument('<session>', 'its number')
    .option('--json', 'as JSON, for scripts')
    .action(async (id: string, options: Json) => {
      const path = `/sessions/${encodeURIComponent(id)}/repetition`
      show(await openPersonClient().post(path, {}), options)
    })
  addDecision(program, {
    name: 'approve',
    description: 'approve every role you may approve',
    resource: 'approval',
    text: 'comment',
  })
  addDecision(program, {
    name: 'deny',
    description: 'deny the request',
    resource: 'denial',
    text: 'reason',
  })
  addDecision(program, {
    name: 'cancel',
    description: 'end your own session or request',
    resource: 'cancellation',
    text: 'reason',
  })
  addDecision(program, {
    name: 'terminate',
    description: "end anyone's session, as an admin",
    resource: 'termination',
    text: 'reason',
  })
}

interface Decision {
  readonly name: string
  readonly description: string
  readonly resource: string
  readonly text: 'comment' | 'reason'
}

function addDecision(program: Command, { name, description, resource, text }: Decision): void {
  program
    .command(name)
    .description(description)
    .argument('<session>', 'its number')
    .option(`--${text} <text>`, 'kept in the record')
    .option('--json', 'as JSON, for scripts')
    .action(async (id: string, options: Json & { comment?: string; reason?: string }) => {
      const said = options[text]
      const path = `/sessions/${encodeURIComponent(id)}/${resource}`
      show(await openPersonClient().post(path, said === undefined ? {} : { [text]: said }), options)
    })
}

async function requestSession(dataSource: string, options: RequestOptions): Promise<void> {
  const { role: roles, start, end, minutes, fromApproval, ttl, justification } = options
  const asked = {
    dataSource,
    roles,
    justification,
    ...(start === undefined ? {} : { start }),
    ...(end === undefined ? {} : { end }),
    ...(minutes === undefined ? {} : { minutes: Number(minutes) }),
    ...(fromApproval === undefined ? {} : { fromApproval }),
    ...(ttl === undefined ? {} : { ttlMinutes: Number(ttl) }),
  }
  show(await openPersonClient().post('/sessions', asked), options)
}

async function listSessions(options: Json & { state?: string; mine?: true }): Promise<void> {
  const query = { state: options.state, mine: options.mine ? 'true' : undefined }
  const sessions: Session[] = []
  let cursor: string | undefined
  do {
    const answer = await openPersonClient().get('/sessions', { ...query, cursor })
    const page = SESSIONS.parse(answer)
    sessions.push(...page.sessions)
    cursor = page.next ?? undefined
  } while (cursor !== undefined)
  if (options.json) {
    printJson({ sessions, next: null })
    return
  }
  printTable(
    ['Session', 'State', 'Data source', 'Requester', 'Roles', 'Username', 'Start', 'End'],
    sessions.map(cellsOf),
  )
}

function show(answer: unknown, { json }: Json): void {
  if (json) {
    printJson(answer)
    return
  }
  const session = SESSION.parse(answer)
  const roles = session.roles.map(({ name, state }) => `${name} ${state}`).join(', ')
  print(`Session ${session.id} is ${session.state} (${roles}).`)
}

function cellsOf(session: Session): string[] {
  return [
    session.id,
    session.state,
    session.dataSource,
    session.requester,
    session.roles.map(({ name }) => name).join(', '),
    session.username ?? '',
    session.start ?? '',
    session.end ?? '',
  ]
}
