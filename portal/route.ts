import type { RequestHandler } from 'express'

/** One address and method, and who answers it. */
export interface Route {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete'
  readonly path: string
  readonly handle: RequestHandler
}

export function get(path: string, handle: RequestHandler): Route {
  return { method: 'get', path, handle }
}

export function post(path: string, handle: RequestHandler): Route {
  return { method: 'post', path, handle }
}
