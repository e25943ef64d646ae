import { connect, createServer, type Server, type Socket } from 'node:net'

/** A wire to a server of this machine that can be cut, stalled and counted. */
export interface Relay {
  readonly port: number
  /** The most clients that were on the wire at the same time. */
  readonly most: number
  /** Everything through it breaks off, and nothing new gets in. */
  cut(): void
  /** Takes new connections and whatever comes, and lets nothing through: a black hole. */
  stall(): void
  mend(): void
  close(): void
}

/** Opens a relay on a free port of 127.0.0.1. */
export async function openRelay(to: number): Promise<Relay> {
  const open = new Set<Socket>()
  let state: 'whole' | 'cut' | 'stalled' = 'whole'
  let clients = 0
  let most = 0
  const server: Server = createServer((near) => {
    clients += 1
    most = Math.max(most, clients)
    near.on('close', () => (clients -= 1))
    keep(near)
    if (state === 'cut') near.destroy()
    if (state === 'stalled') return
    const far = connect(to, '127.0.0.1')
    keep(far)
    for (const socket of [near, far]) {
      socket.on('close', () => {
        near.destroy()
        far.destroy()
      })
    }
    const pass = (into: Socket) => (bytes: Buffer) => {
      if (state === 'whole') into.write(bytes)
    }
    near.on('data', pass(far))
    far.on('data', pass(near))
  })
  const keep = (socket: Socket): void => {
    open.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => open.delete(socket))
  }
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the relay has no port')
  const breakOff = (): void => {
    for (const socket of open) socket.destroy()
  }
  return {
    port: address.port,
    get most() {
      return most
    },
    cut: () => {
      state = 'cut'
      breakOff()
    },
    stall: () => {
      state = 'stalled'
    },
    mend: () => {
      if (state === 'stalled') breakOff()
      state = 'whole'
    },
    close: () => {
      breakOff()
      server.close()
    },
  }
}
