import type { Figure } from './workloads.ts'

export interface Result {
  readonly round: number
  readonly target: string
  readonly figure: Figure
}

/** Others are held against these, where they ran. */
const BASES = ['direct', 'pgbouncer']

/** One workload's figures, a line for each target: medians, and medians of each round's ratios. */
export function tableOf(workload: string, unit: string, results: readonly Result[]): string {
  const targets = [...new Set(results.map(({ target }) => target))].toSorted()
  return targets.map((target) => lineOf({ workload, unit, target, results })).join('\n')
}

interface Line {
  readonly workload: string
  readonly unit: string
  readonly target: string
  readonly results: readonly Result[]
}

function lineOf({ workload, unit, target, results }: Line): string {
  const own = results.filter((result) => result.target === target)
  const median = (of: (figure: Figure) => number | undefined): number | undefined =>
    medianOf(own.map(({ figure }) => of(figure)).filter((value) => value !== undefined))
  const [value, cpu, p50, p99] = [
    median((figure) => figure.value),
    median((figure) => figure.cpu),
    median((figure) => figure.p50),
    median((figure) => figure.p99),
  ]
  const ratios = BASES.map((base) => ratioText(own, base, results))
  return [
    workload.padEnd(20),
    target.padEnd(15),
    `${shown(value)} ${unit}`.padStart(14),
    ...ratios.map((text) => text.padEnd(34)),
    cpu === undefined ? '' : `${cpu.toFixed(1)} us CPU each`,
    p50 === undefined ? '' : `p50 ${shown(p50)} us, p99 ${shown(p99)} us`,
  ]
    .join('  ')
    .trimEnd()
}

function ratioText(own: readonly Result[], base: string, results: readonly Result[]): string {
  const ratios = own.flatMap(({ round, figure }) => {
    const other = results.find((result) => result.round === round && result.target === base)
    return other && other.figure.value > 0 ? [figure.value / other.figure.value] : []
  })
  const median = medianOf(ratios)
  if (median === undefined) return `- x ${base}`
  const [least, most] = [Math.min(...ratios), Math.max(...ratios)]
  return `${median.toFixed(3)} [${least.toFixed(2)}-${most.toFixed(2)}] x ${base}`
}

function medianOf(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b)
  const [low, high] = [
    sorted[Math.floor((sorted.length - 1) / 2)],
    sorted[Math.floor(sorted.length / 2)],
  ]
  return low === undefined || high === undefined ? undefined : (low + high) / 2
}

function shown(value: number | undefined): string {
  return value === undefined ? '-' : value.toFixed(0)
}
