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
} from '../frontend.ts'
import type { RawClient } from '../raw-client.ts'
import type { TwoSides } from '../two-sides.ts'

const SEQUENCES = 30
const MESSAGES = 24
const NAMES = ['', 'a', 'b']
const TEXTS = [
  'select 1',
  'select $1::int',
  'select generate_series(1, 5)',
  'select 1/0',
  'selec',
  '',
  'select 1; select 2',
  `insert into goods (name) values ('f') returning name`,
  'begin',
  'savepoint s',
  'rollback to s',
  'commit',
  'rollback',
  'declare a cursor for select 7',
  'deallocate all',
  'copy goods (name) from stdin',
  'copy (select generate_series(1, 3)) to stdout',
  `do $$ begin raise notice 'n'; end $$`,
]
const VALUES = ['1', 'x', null]
const KINDS = ['S', 'P'] as const
const LIMITS = [0, 0, 1, 2]
const END = 'the end of it'

/** Traps 14 to 22 at once: well-formed messages in orders that nobody would think of. */
export function anyOrderCases(sides: () => TwoSides): void {
  describe('any order of messages', () => {
    for (let seed = 1; seed <= SEQUENCES; seed += 1) {
      it(`[15] is answered alike, number ${String(seed)}`, async () => {
        const said = sequence(seed)
        await sides().same(async (client) => {
          client.say(...said, copyDone, sync, sync, query('rollback'), query(`select '${END}'`))
          await untilEnd(client)
        })
      })
    }
  })
}

/** A client that breaks COPY off with another message is thrown out: an end as good as the other. */
async function untilEnd(client: RawClient): Promise<void> {
  for (;;) {
    const heard = await client.until('Z').catch((error: unknown) => {
      if (client.hasEnded) return undefined
      throw error
    })
    if (heard === undefined || heard.some(({ body }) => body.includes(END))) return
  }
}

function sequence(seed: number): Buffer[] {
  let state = seed * 7919
  // Lehmer's generator with the numbers of Park and Miller: the same sequences in every run
  const pick = <T>(from: readonly T[]): T => {
    state = (state * 48_271) % 2_147_483_647
    const chosen = from[state % from.length]
    if (chosen === undefined) throw new Error('there is nothing to pick from')
    return chosen
  }
  const run = (): Buffer => {
    const [statement, portal] = [pick(NAMES), pick(NAMES)]
    const bound = [parse(pick(TEXTS), statement), bind({ portal, statement })]
    return Buffer.concat([...bound, execute(portal, pick(LIMITS))])
  }
  const makers = [
    run,
    run,
    run,
    run,
    () => parse(pick(TEXTS), pick(NAMES)),
    () => parse(pick(TEXTS), pick(NAMES)),
    () => bind({ portal: pick(NAMES), statement: pick(NAMES) }),
    () => bind({ portal: pick(NAMES), statement: pick(NAMES), values: [pick(VALUES)] }),
    () => describeOf(pick(KINDS), pick(NAMES)),
    () => execute(pick(NAMES), pick(LIMITS)),
    () => execute(pick(NAMES), pick(LIMITS)),
    () => close(pick(KINDS), pick(NAMES)),
    () => sync,
    () => sync,
    () => sync,
    () => sync,
    () => flush,
    () => query(pick(TEXTS)),
    () => query(pick(TEXTS)),
    () => copyData('line\n'),
    () => copyDone,
    () => copyFail('no more'),
  ]
  return Array.from({ length: MESSAGES }, () => pick(makers)())
}
