import { percentile } from '../broker/figures.ts'

/** Milliseconds of one search: as a page, as an answer of the API, and as bare SQL for the same rows. */
export interface Timing {
  readonly name: string
  readonly page: readonly number[]
  readonly answer: readonly number[]
  readonly bare: readonly number[]
}

/** What a page may take beside the bare SQL, and at all; milliseconds. */
const GOAL = { times: 1.5, plus: 15, most: 300 }

/** Heads the lines of lineOf. */
export const HEAD = `| what | page p50 | page p95 | answer p95 | bare SQL p95 | goal: page p95 |
|---|---|---|---|---|---|`

/** One search as a line of a Markdown table, with its goal and whether it is met. */
export function lineOf({ name, page, answer, bare }: Timing): string {
  const [p95, bareP95] = [percentile(page, 0.95), percentile(bare, 0.95)]
  const goal = goalOf(bareP95)
  return `| ${name} | ${ms(percentile(page, 0.5))} | ${ms(p95)} | ${ms(percentile(answer, 0.95))} | ${ms(bareP95)} | ${ms(goal)}: ${p95 <= goal ? 'met' : 'MISSED'} |`
}

/** True where a search is as fast as it must be. */
export function isMet({ page, bare }: Timing): boolean {
  return percentile(page, 0.95) <= goalOf(percentile(bare, 0.95))
}

/** Many searches as one line: all their runs together, and how many miss their goal. */
export function summaryOf(name: string, timings: readonly Timing[]): string {
  const all = (of: (timing: Timing) => readonly number[]): number[] => timings.flatMap(of)
  const [page, bare] = [all((timing) => timing.page), all((timing) => timing.bare)]
  const missed = timings.filter((timing) => !isMet(timing)).length
  return `| ${name} | ${ms(percentile(page, 0.5))} | ${ms(percentile(page, 0.95))}, at most ${ms(Math.max(...page))} | ${ms(
    percentile(
      all((timing) => timing.answer),
      0.95,
    ),
  )} | ${ms(percentile(bare, 0.95))} | ${String(missed)} of ${String(timings.length)} missed |`
}

/** Milliseconds as text. */
export function ms(value: number): string {
  return `${value.toFixed(value < 10 ? 1 : 0)} ms`
}

function goalOf(bare: number): number {
  return Math.min(GOAL.most, GOAL.times * bare + GOAL.plus)
}
