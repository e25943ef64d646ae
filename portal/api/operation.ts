import type { z } from 'zod'
import type { schemas } from './schemas.ts'

/** One method of one path, as the OpenAPI document describes it. */
export interface Operation {
  readonly summary: string
  readonly body?: z.ZodType
  readonly answer: keyof typeof schemas | 'text' | 'file'
  readonly status?: number
  /** Names of query parameters. */
  readonly query?: readonly string[]
  /** Statuses beside those that every operation may answer. */
  readonly errors?: readonly number[]
}

/** Operations by path and method. */
export type Operations = Readonly<Record<string, Readonly<Record<string, Operation>>>>
