/** What the server will answer with a ReadyForQuery, and what stands between. */
const READY = 0
/** Messages of the extended protocol: answered one by one, and skipped behind an error. */
const EXTENDED = 1
/** A CopyDone or CopyFail that the server has not asked for yet. */
const COPY_END = 2
const SYNC = 3

/** Taken entries are dropped in batches of at least this many, so that taking one costs nothing. */
const COMPACT_AT = 256

/**
 * Knows whether the server has something to do: what was sent and not yet answered by a ReadyForQuery.
 * It follows the protocol's rules for errors and for COPY, under which some messages get no answer.
 * Each entry is looked at once and moved at most a few times, however much is pipelined.
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

  /** The server takes COPY data whose end was not sent yet. */
  get isCopyingIn(): boolean {
    return this.#isCopyingIn
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

  /** A Parse, Bind, Describe, Execute or Close was sent. */
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

  /**
   * The server begins to take COPY data. Of what was sent ahead of its end it ignores Flush and Sync,
   * and takes anything else for the end of the protocol.
   */
  copyIn(): void {
    if (this.isEmpty) return
    // a Query is taken up only behind everything that came before it
    if (this.#head === EXTENDED && this.#entries[this.#first + 1] === READY) this.#first += 1
    const taker = this.#entries[this.#first] ?? READY
    let at = this.#first + 1
    while (this.#entries[at] === SYNC || this.#entries[at] === EXTENDED) at += 1
    this.#isCopyingIn = this.#entries[at] !== COPY_END
    this.#first = this.#isCopyingIn ? at - 1 : at
    this.#entries[this.#first] = taker
    this.#compact()
  }

  /** An ErrorResponse: behind one in the extended protocol everything up to the Sync is ignored. */
  error(): void {
    this.#isCopyingIn = false
    if (this.#head !== EXTENDED) return
    while (!this.isEmpty && this.#entries[this.#first] !== SYNC) this.#first += 1
    this.#isSkipping = this.isEmpty
    this.#compact()
  }

  /** A ReadyForQuery. */
  ready(): void {
    this.#isCopyingIn = false
    this.#isSkipping = false
    while (!this.isEmpty && !answersReady(this.#head)) this.#first += 1
    if (!this.isEmpty) this.#first += 1
    // nobody asks for these any more
    while (this.#head === COPY_END) this.#first += 1
    this.#compact()
  }

  get #head(): number | undefined {
    return this.#entries[this.#first]
  }

  /** Only when as much goes as stays: each entry moves once for every one that was taken. */
  #compact(): void {
    const isEmpty = this.isEmpty
    const isWorthIt = this.#first >= COMPACT_AT && this.#first * 2 >= this.#entries.length
    if (!isEmpty && !isWorthIt) return
    // a new one: V8 takes longer to empty an array than to make one
    this.#entries = isEmpty ? [] : this.#entries.slice(this.#first)
    this.#first = 0
  }
}

function answersReady(entry: number | undefined): boolean {
  return entry === READY || entry === SYNC
}
