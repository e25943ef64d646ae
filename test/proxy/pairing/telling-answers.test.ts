import assert from 'node:assert/strict'
import type { FinishedStatement } from '../../../proxy/pairing/record.ts'
import { dataSourceCluster } from '../../support/clusters.ts'
import { FollowedWire } from '../../support/followed-wire.ts'
import { message } from '../../support/wire-messages.ts'
import {
  bind,
  close,
  copyData,
  copyDone,
  copyFail,
  describeOf,
  execute,
  flush,
  parse,
  query,
  sync,
} from '../conformance/frontend.ts'
import { RawClient, type Heard } from '../conformance/raw-client.ts'
import { logIn } from '../conformance/scram-login.ts'

const SEQUENCES = 40
const MESSAGES = 30
const NAMES = ['', 'a', 'b']
const LIMITS = [0, 0, 1, 2]
const REFUSED_FLUSH = message('H', 'x')
const END = [sync, query('rollback'), query(`select 'm0'`), query(`select 'm1'`)]
/** What stands in one text, and in the answers to it. */
const MARK = /[nm][0-9]+[ab]?/g

/** Statements whose answers tell which of them they answer. */
const TEXTS: readonly ((mark: string) => string)[] = [
  (mark) => `select '${mark}'`,
  (mark) => `select '${mark}'`,
  (mark) => `select '${mark}', $1::text`,
  (mark) => `select '${mark}' from generate_series(1, 5)`,
  // they fail when they are parsed, planned and run
  (mark) => `select cast('${mark}' as int)`,
  (mark) => `select cast('${mark}' || '' as int)`,
  (mark) => `select cast(concat('${mark}', '') as int)`,
  (mark) => `${mark} selec`,
  (mark) => `do $$ begin raise '${mark}'; end $$`,
  (mark) => `insert into told (name) values ('${mark}') returning name`,
  (mark) => `copy (select '${mark}') to stdout`,
  (mark) => `select '${mark}a'; select '${mark}b'`,
  (mark) => `select '${mark}a'; select cast('${mark}b' as int)`,
  () => 'copy told (name) from stdin',
  () => 'begin',
  () => 'commit',
  () => 'rollback',
  () => '',
]
/** Tags by the first word of a text. */
const TAGS: Readonly<Record<string, RegExp>> = {
  select: /^SELECT [0-9]+$/,
  insert: /^INSERT 0 [01]$/,
  copy: /^COPY [0-9]+$/,
  begin: /^BEGIN$/,
  commit: /^(?:COMMIT|ROLLBACK)$/,
  rollback: /^ROLLBACK$/,
}

describe('answers that tell what they answer', () => {
  let client: RawClient | undefined

  after(() => client?.close())

  const say = async (...said: readonly Buffer[]): Promise<readonly Heard[]> => {
    client = client?.hasEnded === false ? client : await connect()
    // of an earlier test nothing stays, no name either
    client.say(query('discard all'), query('create temp table told (name text)'))
    await client.until('Z', 2)
    const from = client.heard.length
    client.say(...said)
    await untilEnd(client)
    return client.heard.slice(from)
  }

  for (const [what, said] of [
    ['a Query that fails behind a batch without a Sync', [...batch('n1'), failing('n2')]],
    ['a Query behind a batch without a Sync that failed', [...batch('n1', 'selec'), failing('n2')]],
    [
      'a Query in the time that is skipped, and one behind',
      [parse('n1 selec'), query(`select 'n2'`), sync, query(`select 'n3'`)],
    ],
    ['a batch that waits for a Flush', [...batch('n1'), flush, ...batch('n2'), failing('n3')]],
    ['a Flush with a body', [REFUSED_FLUSH, query(`select 'n1'`), sync, query(`select 'n2'`)]],
    [
      'a Flush with a body that a COPY swallows',
      [query('copy told from stdin'), REFUSED_FLUSH, copyDone, failing('n1')],
    ],
    [
      'a Flush with a body behind a COPY that was executed',
      [parse('copy told from stdin'), bind(), execute(), REFUSED_FLUSH, copyDone, failing('n1')],
    ],
  ] as const) {
    it(`are paired with it: ${what}`, async () => {
      assertPaired(said, await say(...said, ...END))
    })
  }

  it('are paired with it in any order of messages', async () => {
    for (let seed = 1; seed <= SEQUENCES; seed += 1) {
      const said = [...sequence(seed), copyDone]
      const heard = await say(...said, ...END)
      try {
        assertPaired(said, heard)
      } catch (error) {
        throw new Error(`number ${String(seed)}`, { cause: error })
      }
    }
  })
})

/** To the data source itself. */
async function connect(): Promise<RawClient> {
  const url = new URL((await dataSourceCluster()).superuserUrl())
  const client = await RawClient.connect(Number(url.port))
  const [user, secret] = [url.username, decodeURIComponent(url.password)]
  await logIn(client, { user, secret, database: 'postgres' })
  return client
}

function batch(mark: string, verb = 'select'): Buffer[] {
  return [parse(`${verb} '${mark}'`), bind(), execute()]
}

function failing(mark: string): Buffer {
  return query(`select cast('${mark}' as int)`)
}

/** Follows what was said and heard, and compares what was recorded with what the answers tell. */
function assertPaired(said: readonly Buffer[], heard: readonly Heard[]): void {
  const finished: FinishedStatement[] = []
  const wire = new FollowedWire({ finished: (statement) => finished.push(statement) })
  wire.client(Buffer.concat([...said, ...END]))
  const isThrownOut = heard.at(-1)?.type !== 'Z'
  let left = heard.filter(({ type }) => type === 'Z').length
  for (const { type, body } of heard) {
    wire.server(message(type, body))
    if (type !== 'Z' || isThrownOut) continue
    left -= 1
    assert.equal(wire.unanswered.isEmpty, left === 0, `${String(left)} to come`)
  }
  wire.tracker.end()
  assert.deepEqual(toldOf(finished), toldBy(heard))
  for (const { text, tag, outcome, rows } of finished) {
    const verb = TAGS[/^[a-z]*/.exec(text)?.[0] ?? '']
    if (outcome === 'ok' && tag !== null && verb) assert.match(tag, verb, text)
    if (outcome === 'skipped') assert.equal(rows, 0, text)
    if (isThrownOut) continue
    // what was bound and never executed has no other outcome
    assert.ok(outcome !== 'aborted' && (outcome !== 'unknown' || tag === null), text)
  }
}

/** Rows and errors of each mark, by the answers. */
function toldBy(heard: readonly Heard[]): Record<string, number> {
  const told: Record<string, number> = {}
  for (const { type, body } of heard) {
    const text = type === 'E' ? (/\0M([^\0]*)/.exec(body.toString())?.[1] ?? '') : body.toString()
    if (type !== 'D' && type !== 'd' && type !== 'E') continue
    for (const mark of text.match(MARK) ?? []) count(told, type === 'E' ? `${mark} failed` : mark)
  }
  return told
}

/** The same, by the records. */
function toldOf(finished: readonly FinishedStatement[]): Record<string, number> {
  const told: Record<string, number> = {}
  for (const { text, part, rows, message: error } of finished) {
    const mark = (text.match(MARK) ?? [])[part - 1]
    if (mark === undefined) continue
    if (rows > 0) count(told, mark, rows)
    for (const quoted of error?.match(MARK) ?? []) {
      assert.equal(quoted, mark, text)
      count(told, `${quoted} failed`)
    }
  }
  return told
}

function count(told: Record<string, number>, what: string, more = 1): void {
  told[what] = (told[what] ?? 0) + more
}

/** A client that breaks COPY off with another message is thrown out: an end as good as the other. */
async function untilEnd(client: RawClient): Promise<void> {
  for (;;) {
    const heard = await client.until('Z').catch((error: unknown) => {
      if (client.hasEnded) return undefined
      throw error
    })
    if (
      heard === undefined ||
      heard.some(({ type, body }) => type === 'D' && body.includes('m1'))
    ) {
      return
    }
  }
}

function sequence(seed: number): Buffer[] {
  let [state, marks] = [seed * 7919, 0]
  // Lehmer's generator with the numbers of Park and Miller: the same sequences in every run
  const pick = <T>(from: readonly T[]): T => {
    state = (state * 48_271) % 2_147_483_647
    const chosen = from[state % from.length]
    if (chosen === undefined) throw new Error('there is nothing to pick from')
    return chosen
  }
  const text = (): string => {
    marks += 1
    return pick(TEXTS)(`n${String(marks)}`)
  }
  const run = (): Buffer => {
    const [statement, portal] = [pick(NAMES), pick(NAMES)]
    const bound = [parse(text(), statement), bind({ portal, statement })]
    return Buffer.concat([...bound, execute(portal, pick(LIMITS))])
  }
  const makers = [
    run,
    run,
    run,
    run,
    run,
    () => parse(text(), pick(NAMES)),
    () => bind({ portal: pick(NAMES), statement: pick(NAMES) }),
    () => bind({ portal: pick(NAMES), statement: pick(NAMES), values: ['v'] }),
    () => describeOf(pick(['S', 'P'] as const), pick(NAMES)),
    () => execute(pick(NAMES), pick(LIMITS)),
    () => close(pick(['S', 'P'] as const), pick(NAMES)),
    () => sync,
    () => sync,
    () => sync,
    () => flush,
    () => REFUSED_FLUSH,
    () => query(text()),
    () => query(text()),
    () => query(text()),
    () => copyData('line\n'),
    () => copyDone,
    () => copyFail('no more'),
  ]
  return Array.from({ length: MESSAGES }, () => pick(makers)())
}
