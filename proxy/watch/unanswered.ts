/** A Query or FunctionCall: the server will answer it with a ReadyForQuery. */
const READY = -1
/** A CopyDone or CopyFail that the server has not asked for yet. */
const COPY_END = -2
const SYNC = -3

/** Taken entries are dropped in batches of at least this many, so that taking one costs nothing. */
const COMPACT_AT = 256

/**
 * Knows whether the server has something to do: what was sent and not yet answered by a ReadyForQuery.
 * It follows the protocol's rules for errors and for COPY, under which some messages get no answer.
 * Each entry is looked at once and moved at most a few times, however much is pipelined.
 */
export class Unanswered {
  /** From 0 on: a run of messages of the extended protocol, of which so many have no answer yet. */
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

  /** A Parse, Bind, Describe, Execute or Close was sent, or a Flush that the server will refuse. */
  extended(): void {
    if (this.#isSkipping) return
    const last = this.isEmpty ? READY : (this.#entries.at(-1) ?? READY)
    if (last < 0) this.#entries.push(1)
    else this.#entries[this.#entries.length - 1] = last + 1
  }

  /** A CopyDone or CopyFail was sent. */
  copyEnd(): void {
    if (!this.#isCopyingIn && !this.isEmpty) this.#entries.push(COPY_END)
    this.#isCopyingIn = false
  }

  /** What ends the answer to one message of the extended protocol; a Query's has several of them. */
  answered(): void {
    const left = this.#atWork()
    if (left !== undefined && left > 0) this.#entries[this.#first] = left - 1
  }

  /**
   * The server begins to take COPY data. Of what was sent ahead of its end it ignores Flush and Sync,
   * and takes anything else for the end of the protocol.
   */
  copyIn(): void {
    const taker = this.#atWork()
    if (taker === undefined) return
    let at = this.#first + 1
    while (isPassedOver(this.#entries[at])) at += 1
    this.#isCopyingIn = this.#entries[at] !== COPY_END
    this.#first = this.#isCopyingIn ? at - 1 : at
    // of messages sent with the Execute none can follow it any more
    this.#entries[this.#first] = Math.min(taker, 1)
    this.#compact()
  }

  /** An ErrorResponse: behind one in the extended protocol everything up to the Sync is ignored. */
  error(): void {
    this.#isCopyingIn = false
    const left = this.#atWork()
    if (left === undefined || left <= 0) return
    while (!this.isEmpty && this.#head !== SYNC) this.#first += 1
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

  /** Goes past what the server has answered, and ends of COPY that nobody waits for. */
  #atWork(): number | undefined {
    let at = this.#first
    while (this.#entries[at] === 0 || this.#entries[at] === COPY_END) at += 1
    if (at > this.#first && at === this.#entries.length) {
      // all is answered, but for the Sync that has to come
      at -= 1
      this.#entries[at] = 0
    }
    this.#first = at
    return this.#entries[at]
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

/** What a COPY swallows of what was sent ahead of its end. */
function isPassedOver(entry: number | undefined): boolean {
  return entry === SYNC || (entry !== undefined && entry >= 0)
}

function answersReady(entry: number | undefined): boolean {
  return entry === READY || entry === SYNC
}
