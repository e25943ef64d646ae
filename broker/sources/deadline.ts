import { AppError } from '../../lib/errors.ts'

/** Work that was given up because it did not end in time; what came of it is not known. */
export class Overdue extends AppError {
  constructor(what: string, milliseconds: number) {
    super('overdue', `${what} did not end within ${String(milliseconds / 1_000)} s; trying again.`)
  }
}

/**
 * The result of work that ends in time. Errors: `overdue`. Nothing can stop work that hangs, so
 * whoever calls breaks the connection it needs, and whatever it still writes must find its claim lost.
 */
export async function within<T>(
  milliseconds: number,
  what: string,
  work: () => Promise<T>,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const end = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Overdue(what, milliseconds)), milliseconds)
  })
  try {
    return await Promise.race([work(), end])
  } finally {
    clearTimeout(timer)
  }
}
