import { countChoices } from '../../db/audit-choices.ts'
import { countRecords } from '../../db/audit-counts.ts'
import { readAuditForm } from '../../portal/forms/audit-filter.ts'
import { percentile } from '../broker/figures.ts'
import { ms } from './figures.ts'
import { took } from './pages.ts'
import type { Search } from './searches.ts'
import type { AuditWorld } from './world.ts'

/** What a reader would wait for counts that a page came without; milliseconds. */
const DEADLINE_MS = 5_000

/** Counts of every search: of what matches, and of what could be chosen. */
export async function timeCounts(
  { store, audrey }: AuditWorld,
  searches: readonly Search[],
): Promise<string> {
  const options = { deadlineMs: DEADLINE_MS }
  const records: number[] = []
  const choices: { name: string; took: number; done: boolean }[] = []
  for (const { name, query } of searches) {
    const { filter } = readAuditForm(query, { central: 'UTC' })
    records.push(await took(() => countRecords(store.db, audrey, filter, options)))
    let done = false
    const time = await took(async () => {
      done = (await countChoices(store.db, audrey, filter, options)) !== undefined
    })
    choices.push({ name, took: time, done })
  }
  const times = choices.map((choice) => choice.took)
  const slowest = choices.toSorted((a, b) => b.took - a.took).slice(0, 5)
  const late = choices.filter(({ done }) => !done).length
  return `| counts of ${String(searches.length)} searches | p50 | p95 | at most |
|---|---|---|---|
| of what matches, up to 10,000 | ${summary(records)} |
| and of every state, action and area | ${summary(times)}; ${String(late)} not done in ${ms(DEADLINE_MS)} |
slowest: ${slowest.map((choice) => `${choice.name} ${ms(choice.took)}`).join(', ')}`
}

function summary(samples: readonly number[]): string {
  return [percentile(samples, 0.5), percentile(samples, 0.95), Math.max(...samples)]
    .map(ms)
    .join(' | ')
}
