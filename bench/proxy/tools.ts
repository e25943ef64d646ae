import { execFile } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { promisify } from 'node:util'
import { environmentWith } from '../../config.ts'

const DEADLINE_MS = 180_000
const run = promisify(execFile)

/** Runs a program to its end and returns what it printed on either stream. */
export async function runTool(
  command: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  directory?: string,
): Promise<string> {
  const { stdout, stderr } = await run(command, [...args], {
    env: environmentWith(environment),
    cwd: directory,
    timeout: DEADLINE_MS,
    maxBuffer: 64 * 1024 * 1024,
  })
  return stdout + stderr
}

/** USER_HZ: the kernel's unit of /proc/PID/stat, 100 on every Linux that Node runs on. */
const TICKS_A_SECOND = 100
/** Fields of stat behind the name in parentheses: utime, stime. */
const TIMES = [11, 12]

/** Microseconds of CPU that a process and all its children have taken so far. */
export function cpuOf(pid: number): number {
  return familyOf(pid).reduce((sum, each) => sum + cpuOfOne(each), 0)
}

/** Memory in kB that they hold now. */
export function memoryOf(pid: number): number {
  return familyOf(pid).reduce((sum, each) => {
    const status = readOr(`/proc/${each}/status`)
    return sum + Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0)
  }, 0)
}

/** The load of the last minute, to be noted beside figures. */
export function loadNow(): string {
  return readOr('/proc/loadavg').split(' ')[0] ?? ''
}

function cpuOfOne(pid: number): number {
  const fields = readOr(`/proc/${pid}/stat`)
    .replace(/^.*\) /, '')
    .split(' ')
  const ticks = TIMES.reduce((sum, place) => sum + Number(fields[place] ?? 0), 0)
  return (ticks / TICKS_A_SECOND) * 1e6
}

function familyOf(pid: number): number[] {
  const children = tasksOf(pid).flatMap((task) =>
    readOr(`/proc/${pid}/task/${task}/children`)
      .split(' ')
      .filter((text) => text !== ''),
  )
  return [pid, ...children.flatMap((child) => familyOf(Number(child)))]
}

function tasksOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`)
  } catch {
    return []
  }
}

/** A process may be gone by now. */
function readOr(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
