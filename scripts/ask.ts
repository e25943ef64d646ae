import { createInterface } from 'node:readline/promises'

/** One line of standard input: from a person at a terminal with a prompt, from a script through a pipe. Never from argv, which every process can read. */
export async function askFor(prompt: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr, terminal: false })
  const line = await lines.question(process.stdin.isTTY ? prompt : '')
  lines.close()
  return line
}
