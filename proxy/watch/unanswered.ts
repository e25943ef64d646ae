/** What the server will answer with a ReadyForQuery, and what stands between. */
const READY = 0
/** Messages of the extended protocol: answered one by one, and skipped behind an error. */
const EXTENDED = 1
/** A CopyDone or CopyFail that the server has not asked for yet. */
const COPY_END = 2
const SYNC = 3

/** Taken entries are dropped in batches, so that taking one costs nothing. */
const COMPACT_AT = 256

/**
 * Knows whether the server has something to do: what was sent and not yet answered by a ReadyForQuery.
 * It follows the protocol's rules for errors and for COPY, under which some messages get no answer.
 */
export class Unanswered {
  #entries: number[] = []
  #first = 0
  /** Behind an error, with no Sync sent yet: the server ignores everything up to it. */
  #isSkipping = false
  /** The server takes COPY data: it ignores every Sync. */
  #isCopyingIn = false

  get isEmpty(): boolean {
    return this.#first === this.#entries.length
  }

  /** A Query or FunctionCall was sent. */
  query(): void {
    if (!this.#isSkipping) this.#entries.push(READY)
  }

  sync(): void {
    if (this.#isCopyingIn) return
    this.#isSkipping = false
    this.#entries.push(SYNC)
  }

  /** A Parse, Bind, Describe, Execute, Close or Flush was sent. */
  extended(): void {
    if (!this.#isSkipping && (this.isEmpty || this.#entries.at(-1) !== EXTENDED)) {
      this.#entries.push(EXTENDED)
    }
  }

  /** A CopyDone or CopyFail was sent. */
  copyEnd(): void {
    if (!this.#isCopyingIn && !this.isEmpty) this.#entries.push(COPY_END)
    this.#isCopyingIn = false
  }

  /** The server begins to take COPY data: Syncs sent ahead of its end get no answer. */
  copyIn(): void {
    const [head, ...rest] = this.#entries.slice(this.#first)
    if (head === undefined) return
    const end = rest.indexOf(COPY_END)
    const before = end === -1 ? rest : rest.slice(0, end)
    const behind = end === -1 ? [] : rest.slice(end + 1)
    this.#isCopyingIn = end === -1
    this.#become([head, ...before.filter((entry) => entry !== SYNC), ...behind])
  }

  /** An ErrorResponse: behind one in the extended protocol everything up to the Sync is ignored. */
  error(): void {
    this.#isCopyingIn = false
    if (this.#entries[this.#first] !== EXTENDED) return
    const rest = this.#entries.slice(this.#first)
    const sync = rest.indexOf(SYNC)
    this.#isSkipping = sync === -1
    this.#become(sync === -1 ? [] : rest.slice(sync))
  }

  /** A ReadyForQuery. */
  ready(): void {
    this.#isCopyingIn = false
    this.#isSkipping = false
    while (!this.isEmpty && !answersReady(this.#entries[this.#first])) this.#first += 1
    if (!this.isEmpty) this.#first += 1
    if (this.isEmpty) this.#become([])
    else if (this.#first >= COMPACT_AT) this.#become(this.#entries.slice(this.#first))
  }

  #become(entries: number[]): void {
    this.#entries = entries
    this.#first = 0
  }
}

function answersReady(entry: number | undefined): boolean {
  return entry === READY || entry === SYNC
}
