import type { Socket } from 'node:net'
import type { SideListener } from './side.ts'
import { StreamSide } from './stream-side.ts'

/** Node's handle of a TLS socket: what was decrypted comes to `onread`, each time in memory of its own. */
interface TlsHandle {
  reading: boolean
  onread: (bytes?: ArrayBuffer) => unknown
  readStart(): unknown
  readStop(): unknown
}

/**
 * A side over TLS that takes what was decrypted before it becomes a stream's, whose events cost more than
 * the decryption. The end, errors and all that is written are the stream's.
 */
export class TlsSide extends StreamSide {
  readonly #handle: TlsHandle
  #isPaused = false

  private constructor(socket: Socket, handle: TlsHandle) {
    super(socket)
    this.#handle = handle
  }

  /** Undefined where that can't be: it is not TLS, is closed, or has been read ahead of need. */
  static over(socket: Socket): TlsSide | undefined {
    if (!('encrypted' in socket) || socket.destroyed || socket.readableLength > 0) return undefined
    const handle = handleOf(socket)
    return handle && new TlsSide(socket, handle)
  }

  override start(listener: SideListener): void {
    super.start(listener)
    const handle = this.#handle
    const streams = handle.onread
    handle.onread = (bytes) => {
      if (bytes === undefined || bytes.byteLength === 0) return streams.call(handle, bytes)
      listener.chunk(Buffer.from(bytes), bytes.byteLength)
      return undefined
    }
  }

  /** The stream would only stop to ask for more once its own buffer is full. */
  override pause(): void {
    this.#isPaused = true
    if (this.socket.destroyed) return
    this.#handle.reading = false
    this.#handle.readStop()
  }

  override resume(): void {
    this.#isPaused = false
    if (this.socket.destroyed || this.socket.readableEnded) return
    this.#handle.reading = true
    this.#handle.readStart()
  }

  override get isPaused(): boolean {
    return this.#isPaused
  }
}

function handleOf(socket: Socket): TlsHandle | undefined {
  const handle: unknown = '_handle' in socket ? socket._handle : undefined
  if (typeof handle !== 'object' || handle === null) return undefined
  const isUsable =
    'onread' in handle &&
    typeof handle.onread === 'function' &&
    'readStart' in handle &&
    'readStop' in handle
  return isUsable ? (handle as TlsHandle) : undefined
}
