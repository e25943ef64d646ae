import type { SideListener } from './side.ts'
import { SocketSide } from './socket-side.ts'

/** A side over a stream's own events and buffers: what TLS needs, and what every socket can do. */
export class StreamSide extends SocketSide {
  start(listener: SideListener): void {
    const socket = this.socket
    socket.on('error', () => listener.gone())
    socket.on('close', () => listener.gone())
    socket.on('end', () => listener.ended())
    socket.on('drain', () => listener.drained())
    socket.on('data', (chunk: Buffer) => listener.chunk(chunk, chunk.length)).resume()
    if (socket.destroyed) listener.gone()
    else if (socket.readableEnded) listener.ended()
  }

  write(bytes: Buffer, start: number, end: number): boolean {
    const socket = this.socket
    if (socket.destroyed || socket.writableEnded) return true
    return socket.write(Buffer.from(bytes.subarray(start, end)))
  }
}
