import type { Bench } from './bench.ts'

/** One fault and what must hold after it. */
export interface Cell {
  readonly name: string
  /** What is checked, for the printout. */
  readonly holds: string
  /** Own servers and big numbers: nothing else runs beside it. */
  readonly alone?: boolean
  /** Makes its own servers, and a bench on them; default: a world on shared ones. */
  readonly open?: () => Promise<Bench>
  /** Injects the fault, says so by `bench.injected`, and throws where something does not hold. */
  run(bench: Bench): Promise<void>
}
