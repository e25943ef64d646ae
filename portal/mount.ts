import type { RequestHandler, Router } from 'express'
import { MethodNotAllowed } from './errors.ts'
import type { Route } from './route.ts'

/** Mounts routes, and an answer to every other method of their addresses (RFC 9110, 15.5.6). */
export function mount(router: Router, routes: readonly Route[], prefix = ''): void {
  for (const { method, path, handle } of routes) router[method](prefix + path, handle)
  for (const address of new Set(routes.map(({ path }) => path))) {
    const methods = routes.filter(({ path }) => path === address).map(({ method }) => method)
    router.all(prefix + address, refuseMethod(methods))
  }
}

function refuseMethod(methods: readonly Route['method'][]): RequestHandler {
  const allow = methods
    .map((method) => (method === 'get' ? 'GET, HEAD' : method.toUpperCase()))
    .join(', ')
  return (req, res) => {
    res.set('allow', allow)
    if (req.method !== 'OPTIONS') throw new MethodNotAllowed(allow)
    res.status(204).end()
  }
}
