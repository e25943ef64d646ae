import { writeSync } from 'node:fs'
import { Socket } from 'node:net'
import type { SideListener } from './side.ts'
import { SocketSide } from './socket-side.ts'

/** What the kernel gives at once; one buffer for all sockets of the process, read out before the next. */
const SHARED = Buffer.allocUnsafeSlow(256 * 1024)
/** Any leftover asks for `drain`: the source waits until the kernel has it. */
const NONE_MAY_WAIT = 1

/** libuv's handle of a socket, which Node itself moves between processes in the same way. */
interface Handle {
  readonly fd: number
  reading: boolean
  readStop(): void
}

/**
 * A side over a plain socket's handle and descriptor: reads into one shared buffer and writes straight
 * to the kernel. The stream takes only what the kernel does not.
 */
export class DirectSide extends SocketSide {
  readonly #fd: number
  #listener: SideListener | undefined

  private constructor(handle: Handle) {
    const options = {
      handle,
      manualStart: true,
      allowHalfOpen: true,
      writableHighWaterMark: NONE_MAY_WAIT,
      onread: {
        buffer: SHARED,
        callback: (length: number): boolean => {
          this.#listener?.chunk(SHARED, length)
          return true
        },
      },
    }
    super(new Socket(options))
    this.#fd = handle.fd
  }

  /**
   * Takes a socket over from its stream, which is empty from then on. Undefined where that can't be: it
   * is TLS or closed, has something left to write, or this platform has no descriptors.
   */
  static takeOver(socket: Socket): DirectSide | undefined {
    // what was written before would be overtaken
    if ('encrypted' in socket || socket.destroyed || socket.writableLength > 0) return undefined
    const handle = handleOf(socket)
    if (handle === undefined) return undefined
    handle.readStop()
    handle.reading = false
    Object.assign(socket, { _handle: null })
    return new DirectSide(handle)
  }

  start(listener: SideListener): void {
    const socket = this.socket
    this.#listener = listener
    socket.on('error', () => listener.gone())
    socket.on('close', () => listener.gone())
    socket.on('end', () => listener.ended())
    socket.on('drain', () => listener.drained())
    socket.resume()
  }

  /** A socket that was destroyed has no descriptor: the number may be somebody else's by now. */
  write(bytes: Buffer, start: number, end: number): boolean {
    const socket = this.socket
    if (socket.destroyed || socket.writableEnded) return true
    const sent = socket.writableLength > 0 ? start : this.#writeNow(bytes, start, end)
    if (sent === end) return true
    return socket.write(Buffer.from(bytes.subarray(sent, end)))
  }

  /** How far the kernel took it. */
  #writeNow(bytes: Buffer, start: number, end: number): number {
    try {
      return start + writeSync(this.#fd, bytes, start, end - start)
    } catch (error) {
      if (isFull(error)) return start
      // the other end is gone: this connection ends, and nothing else
      this.socket.destroy()
      return end
    }
  }
}

/** The kernel's buffer is full, or the call was interrupted; the stream waits until there is room. */
function isFull(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false
  return error.code === 'EAGAIN' || error.code === 'EINTR'
}

function handleOf(socket: Socket): Handle | undefined {
  const handle: unknown = '_handle' in socket ? socket._handle : undefined
  if (typeof handle !== 'object' || handle === null || !('readStop' in handle)) return undefined
  const isUsable = 'fd' in handle && typeof handle.fd === 'number' && handle.fd >= 0
  return isUsable ? (handle as Handle) : undefined
}
