import type { Socket } from 'node:net'
import type { Side, SideListener } from './side.ts'

/** What is the same whichever way the bytes of a socket come and go. */
export abstract class SocketSide implements Side {
  protected readonly socket: Socket

  constructor(socket: Socket) {
    this.socket = socket
  }

  abstract start(listener: SideListener): void
  abstract write(bytes: Buffer, start: number, end: number): boolean

  pause(): void {
    this.socket.pause()
  }

  resume(): void {
    this.socket.resume()
  }

  get isPaused(): boolean {
    return this.socket.isPaused()
  }

  end(): void {
    this.socket.end()
  }

  destroy(): void {
    this.socket.destroy()
  }

  get waiting(): number {
    return this.socket.writableLength
  }
}
