/** One text on standard output. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** One value as JSON on standard output, for scripts. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2))
}

/** Rows under their headings, each column as wide as its widest cell. */
export function printTable(
  headings: readonly string[],
  cells: readonly (readonly string[])[],
): void {
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...cells.map((row) => (row[column] ?? '').length)),
  )
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()
  print([line(headings), ...cells.map(line)].join('\n'))
}
