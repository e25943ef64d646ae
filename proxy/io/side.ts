/**
 * One socket of a relay, as the relay sees it. How bytes come and go is the engine's business: what
 * implements this may be replaced, and the relay would not notice.
 */
export interface Side {
  /** Begins to read. What happened before is told at once. */
  start(listener: SideListener): void
  /**
   * Takes bytes[start] up to, not including, bytes[end], in order behind those before; they are the
   * caller's again when it returns. False where the side is behind: `drained` tells when it no longer is.
   */
  write(bytes: Buffer, start: number, end: number): boolean
  pause(): void
  resume(): void
  readonly isPaused: boolean
  /** A FIN, behind what was written. */
  end(): void
  destroy(): void
  /** Bytes in our memory that the kernel has not taken. */
  readonly waiting: number
}

/** What a side tells. */
export interface SideListener {
  /** bytes[0] up to, not including, bytes[end]: valid until it returns, then used again. */
  chunk(bytes: Buffer, end: number): void
  /** Everything written was taken by the kernel. */
  drained(): void
  /** The other end sent a FIN: it still listens. */
  ended(): void
  /** The socket is closed, for whatever reason. */
  gone(): void
}
