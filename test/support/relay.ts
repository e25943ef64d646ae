import { connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** A wire to a server of this machine that can be cut, stalled, slowed and counted. */
export interface Relay {
  readonly port: number
  /** The most clients that were on the wire at the same time. */
  readonly most: number
  /** Everything through it breaks off, and nothing new gets in. */
  cut(): void
  /** Takes new connections and whatever comes, and lets nothing through: a black hole. */
  stall(): void
  /** What clients say gets through, answers do not: half a connection. */
  deafen(): void
  /** Holds everything back for so many milliseconds. */
  slow(milliseconds: number): void
  /** Lets so many more bytes of answers through, then breaks everything off. */
  cutAfter(bytes: number): void
  /**
   * The next time a client says this, in capitals or not, it reaches the server and the answer is
   * lost with the connection. Resolves when that has happened.
   */
  loseReplyTo(text: string): Promise<void>
  mend(): void
  close(): void
}

type State = 'whole' | 'cut' | 'stalled' | 'deaf'

interface Toxics {
  state: State
  delayMs: number
  /** Bytes of answers that may still pass. */
  allowance: number
  lost: { readonly text: string; readonly done: () => void } | undefined
}

/** Opens a relay on a free port of 127.0.0.1. */
export async function openRelay(to: number): Promise<Relay> {
  const open = new Set<Socket>()
  const toxics: Toxics = { state: 'whole', delayMs: 0, allowance: Infinity, lost: undefined }
  let clients = 0
  let most = 0
  const keep = (socket: Socket): void => {
    open.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => open.delete(socket))
  }
  const breakOff = (): void => {
    for (const socket of open) socket.destroy()
  }
  const server: Server = createServer((near) => {
    clients += 1
    most = Math.max(most, clients)
    near.on('close', () => (clients -= 1))
    keep(near)
    if (toxics.state === 'cut') near.destroy()
    if (toxics.state === 'stalled' || toxics.state === 'cut') return
    const far = connect(to, '127.0.0.1')
    keep(far)
    for (const socket of [near, far]) {
      socket.on('close', () => {
        near.destroy()
        far.destroy()
      })
    }
    passBetween({ near, far, toxics, breakOff })
  })
  const port = await listenAnywhere(server)
  return {
    port,
    get most() {
      return most
    },
    cut: () => {
      toxics.state = 'cut'
      breakOff()
    },
    stall: () => {
      toxics.state = 'stalled'
    },
    deafen: () => {
      toxics.state = 'deaf'
    },
    slow: (milliseconds) => {
      toxics.delayMs = milliseconds
    },
    cutAfter: (bytes) => {
      toxics.allowance = bytes
    },
    loseReplyTo: (text) =>
      new Promise((done) => {
        toxics.lost = { text: text.toLowerCase(), done }
      }),
    mend: () => {
      // what was swallowed is gone: a connection with a hole in it can't go on
      if (toxics.state === 'stalled' || toxics.state === 'deaf') breakOff()
      Object.assign(toxics, { state: 'whole', delayMs: 0, allowance: Infinity, lost: undefined })
    },
    close: () => {
      breakOff()
      server.close()
    },
  }
}

interface Wire {
  readonly near: Socket
  readonly far: Socket
  readonly toxics: Toxics
  readonly breakOff: () => void
}

function passBetween({ near, far, toxics, breakOff }: Wire): void {
  let losing: (() => void) | undefined
  const onwards = inOrder((bytes) => {
    if (toxics.state !== 'whole' && toxics.state !== 'deaf') return
    const { lost } = toxics
    if (lost !== undefined && bytes.toString('latin1').toLowerCase().includes(lost.text)) {
      toxics.lost = undefined
      losing = lost.done
    }
    far.write(bytes)
  })
  const back = inOrder((bytes) => {
    if (toxics.state !== 'whole') return
    if (losing !== undefined) {
      near.destroy()
      losing()
      return
    }
    toxics.allowance -= bytes.length
    if (toxics.allowance >= 0) {
      near.write(bytes)
      return
    }
    toxics.allowance = Infinity
    breakOff()
  })
  near.on('data', (bytes: Buffer) => onwards(bytes, toxics.delayMs))
  far.on('data', (bytes: Buffer) => back(bytes, toxics.delayMs))
}

/** Late bytes must not be overtaken by those that came after the delay was lifted. */
function inOrder(pass: (bytes: Buffer) => void): (bytes: Buffer, delayMs: number) => void {
  let waiting = 0
  let last = Promise.resolve()
  return (bytes, delayMs) => {
    if (delayMs === 0 && waiting === 0) {
      pass(bytes)
      return
    }
    waiting += 1
    const before = last
    last = sleep(delayMs)
      .then(() => before)
      .then(() => {
        waiting -= 1
        pass(bytes)
      })
  }
}

async function listenAnywhere(server: Server): Promise<number> {
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the relay has no port')
  return address.port
}
