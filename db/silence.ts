import type { Socket } from 'node:net'

/** How often a connection is looked at, in milliseconds. */
const LOOK_MS = 500

/**
 * Breaks a connection to the store off when it has left something unanswered for so many
 * milliseconds. A server that is gone says so; one whose network swallows what it is told, or whose
 * machine hangs, says nothing, and its own statement_timeout is no help to whoever waits.
 */
export function endWhenSilent(stream: Socket, mostMs: number): void {
  let answered = stream.bytesWritten
  let unansweredSince = performance.now()
  stream.on('data', () => {
    answered = stream.bytesWritten
    // a busy connection has something unanswered at every look
    unansweredSince = performance.now()
  })
  const timer = setInterval(() => {
    const now = performance.now()
    if (stream.bytesWritten === answered) unansweredSince = now
    else if (now - unansweredSince > mostMs) stream.destroy(silent(mostMs))
  }, LOOK_MS).unref()
  stream.once('close', () => clearInterval(timer))
}

function silent(mostMs: number): Error {
  return new Error(`the store has not answered for ${String(mostMs / 1000)} seconds`)
}
