/** One line of the result: ours beside what it is measured against, in milliseconds. */
export interface Figure {
  readonly what: string
  readonly ours: number
  readonly bare?: number
  /** What the goal says, in words. */
  readonly goal?: string
}

/** The value below which this share of the samples lies; samples need no order. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b)
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
  if (value === undefined) throw new Error('nothing was measured')
  return value
}

/** Prints figures as lines of a Markdown table. */
export function print(figures: readonly Figure[]): void {
  for (const { what, ours, bare, goal = '' } of figures) {
    const beside = bare === undefined ? '-' : `${bare.toFixed(1)} ms`
    const ratio = bare === undefined ? '-' : `${(ours / bare).toFixed(2)} x`
    console.log(`| ${what} | ${ours.toFixed(1)} ms | ${beside} | ${ratio} | ${goal} |`)
  }
}
