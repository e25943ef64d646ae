/** NAMEDATALEN - 1: PostgreSQL tells prepared statements and portals apart by so many bytes. */
const NAME_BYTES = 63
/** So many UTF-16 units never take more than NAME_BYTES bytes. */
const SURELY_SHORT = 21

const NONE: readonly never[] = []

/** A name space as it is kept over a restart; a name with undefined under it is not there. */
export interface NamesState<T> {
  readonly confirmed: Map<string, T | undefined>
  /** null: will be closed. */
  readonly planned: Map<string, T | null | undefined>
}

export function noNames<T>(): NamesState<T> {
  return {
    confirmed: new Map<string, T | undefined>(),
    planned: new Map<string, T | null | undefined>(),
  }
}

/**
 * One name space of a connection (statements, or portals), as the server has confirmed it and as it
 * will be when everything that was sent succeeds. Nothing is bound to a name before its confirmation;
 * the plan is what a pipelined message is read with.
 */
export class StatementNames<T> {
  readonly #confirmed: Map<string, T | undefined>
  readonly #planned: Map<string, T | null | undefined>

  constructor({ confirmed, planned }: NamesState<T> = noNames()) {
    this.#confirmed = confirmed
    this.#planned = planned
  }

  /** What the name will mean to the next message. */
  find(name: string): T | undefined {
    const key = keyOf(name)
    const planned = this.#planned.get(key)
    return planned === undefined ? this.#confirmed.get(key) : (planned ?? undefined)
  }

  /** A message was sent that will change the name. */
  plan(name: string, value: T | null): void {
    this.#planned.set(keyOf(name), value)
  }

  /** What a message that is not answered yet will make of the name; null: nothing. */
  planned(name: string): T | null | undefined {
    return this.#planned.get(keyOf(name))
  }

  /** What was planned will not happen; a later plan for the same name stays. */
  unplan(name: string, value: T | null): void {
    const key = keyOf(name)
    if (this.#planned.get(key) === value) remove(this.#planned, key)
  }

  /** The server has changed the name. */
  confirm(name: string, value: T | null): void {
    const key = keyOf(name)
    if (value === null) remove(this.#confirmed, key)
    else this.#confirmed.set(key, value)
    this.unplan(name, value)
  }

  /** Nothing that was sent will happen. */
  forgetPlans(): void {
    this.#planned.clear()
  }

  /** Everything confirmed is gone; returns what it was. */
  clear(): readonly T[] {
    const confirmed = this.#confirmed
    const unnamed = confirmed.get('')
    if (unnamed !== undefined) confirmed.set('', undefined)
    const values = unnamed === undefined ? NONE : [unnamed]
    if (confirmed.size === (confirmed.has('') ? 1 : 0)) return values
    const named = [...confirmed.values()].filter((value) => value !== undefined)
    confirmed.clear()
    return [...values, ...named]
  }

  /** These are gone, all where it isn't known which; returns what they were. */
  clearNamed(names: readonly string[] | undefined): readonly T[] {
    if (!names) return this.clear()
    const values: T[] = []
    for (const key of names.map(keyOf)) {
      const value = this.#confirmed.get(key)
      if (value !== undefined) values.push(value)
      remove(this.#confirmed, key)
    }
    return values
  }

  /** What the server knows under a name. */
  confirmed(name: string): T | undefined {
    return this.#confirmed.get(keyOf(name))
  }
}

/**
 * A name that is taken out leaves a hole in a map, and holes make it build a new table every few times. The
 * unnamed one, which comes with each statement, stays in it with nothing under it.
 */
function remove(names: Map<string, unknown>, key: string): void {
  if (key === '') names.set('', undefined)
  else names.delete(key)
}

function keyOf(name: string): string {
  if (name.length <= SURELY_SHORT) return name
  return Buffer.from(name).subarray(0, NAME_BYTES).toString()
}
