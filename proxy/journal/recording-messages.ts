import type { KeyObject } from 'node:crypto'
import type { Log } from '../../lib/log.ts'
import type { ShippingStats } from './shipper.ts'

/** What the worker is started with. */
export interface WorkerOptions {
  readonly folder: string
  readonly storeUrl: string
  readonly proxyId: string
  /** Opens the keys of the segments. */
  readonly privateKey: KeyObject
  /** See Journal. */
  readonly progress: Int32Array
}

/** What the worker says. */
export type WorkerSays =
  | { readonly kind: 'stats'; readonly stats: ShippingStats }
  /** All in the segment being written is in the store. */
  | { readonly kind: 'tidy' }
  | {
      readonly kind: 'log'
      readonly level: keyof Log
      readonly facts: object
      readonly sentence: string
    }
  | { readonly kind: 'stopped'; readonly isShipped: boolean; readonly stats: ShippingStats }

/** What the worker is told: to ship what is finished, and to end. */
export interface WorkerIsTold {
  readonly kind: 'stop'
}
