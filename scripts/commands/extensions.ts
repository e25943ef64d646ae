import type { Command } from 'commander'
import { z } from 'zod'
import { openPersonClient } from '../person-client.ts'
import { print, printJson, printTable } from '../print.ts'

/** The part of the API's extension that people read in a terminal. */
const EXTENSION = z.object({
  id: z.string(),
  sessionId: z.string(),
  state: z.string(),
  oldEnd: z.string(),
  newEnd: z.string(),
  justification: z.string(),
})
type Extension = z.infer<typeof EXTENSION>

interface Json {
  readonly json?: true
}

interface ExtendOptions extends Json {
  readonly minutes?: string
  readonly end?: string
  readonly justification: string
}

/** extend and extensions: more time for a session under way, as the person of DAYPASS_TOKEN. */
export function addExtensions(program: Command): void {
  program
    .command('extend')
    .description('ask for more time for a granted session of yours')
    .argument('<session>', 'its number')
    .option('--minutes <count>', 'how much longer')
    .option('--end <instant>', 'or until when: ISO-8601 with offset')
    .requiredOption('--justification <text>', 'why you need it')
    .option('--json', 'as JSON, for scripts')
    .action(extend)

  const extensions = program
    .command('extensions')
    .description('requests for more time: which you may decide, and deciding them')
  extensions
    .command('list', { isDefault: true })
    .description('list those that you may decide now')
    .option('--json', 'as JSON, for scripts')
    .action(list)
  extensions
    .command('approve')
    .description('approve more time')
    .argument('<extension>', 'its id, as "extensions list" prints it')
    .option('--comment <text>', 'kept in the record')
    .option('--json', 'as JSON, for scripts')
    .action((id: string, { comment, json }: Json & { comment?: string }) =>
      decide(`${addressOf(id)}/approval`, comment === undefined ? {} : { comment }, { json }),
    )
  extensions
    .command('deny')
    .description('deny more time; the session ends as it stands')
    .argument('<extension>', 'its id, as "extensions list" prints it')
    .requiredOption('--reason <text>', 'shown to the requester')
    .option('--json', 'as JSON, for scripts')
    .action((id: string, { reason, json }: Json & { reason: string }) =>
      decide(`${addressOf(id)}/denial`, { reason }, { json }),
    )
}

async function extend(session: string, options: ExtendOptions): Promise<void> {
  const { minutes, end, justification, json } = options
  const asked = {
    justification,
    ...(minutes === undefined ? {} : { minutes: Number(minutes) }),
    ...(end === undefined ? {} : { end }),
  }
  await decide(`/sessions/${encodeURIComponent(session)}/extension`, asked, { json })
}

async function list({ json }: Json): Promise<void> {
  const answer = await openPersonClient().get('/extensions')
  if (json) {
    printJson(answer)
    return
  }
  const { extensions } = z.object({ extensions: z.array(EXTENSION) }).parse(answer)
  printTable(
    ['Extension', 'Session', 'Ends now at', 'Would end at', 'Justification'],
    extensions.map(({ id, sessionId, oldEnd, newEnd, justification }) => [
      id,
      sessionId,
      oldEnd,
      newEnd,
      justification,
    ]),
  )
}

async function decide(
  path: string,
  body: object,
  { json }: { readonly json: true | undefined },
): Promise<void> {
  const answer = await openPersonClient().post(path, body)
  if (json) printJson(answer)
  else print(say(EXTENSION.parse(answer)))
}

function say({ id, sessionId, state, newEnd }: Extension): string {
  return `Extension ${id} of session ${sessionId} until ${newEnd} is ${state}.`
}

function addressOf(id: string): string {
  return `/extensions/${encodeURIComponent(id)}`
}
