import assert from 'node:assert/strict'

/** A page as a browser without JavaScript got it. */
export interface Page {
  readonly status: number
  readonly url: string
  readonly html: string
}

/** One person at one browser without JavaScript: cookies, redirects and forms. */
export class Visitor {
  readonly #base: string
  readonly #cookies = new Map<string, string>()

  constructor(base: string) {
    this.#base = base
  }

  /** Opens a page, following redirects. */
  get(path: string): Promise<Page> {
    return this.#go('GET', path)
  }

  /** Posts a form with the token of the page it stands on. */
  async submit(
    from: Page,
    action: string,
    fields: Readonly<Record<string, string | readonly string[]>>,
  ): Promise<Page> {
    const [, token] = /name="_csrf" value="([^"]+)"/.exec(from.html) ?? []
    assert.ok(token, `no form on ${from.url}`)
    const body = new URLSearchParams({ _csrf: token })
    for (const [name, value] of Object.entries(fields)) {
      for (const one of typeof value === 'string' ? [value] : value) body.append(name, one)
    }
    return this.#go('POST', action, body)
  }

  /** Signs in; the page that follows is returned. */
  async signIn(username: string, password: string): Promise<Page> {
    return this.submit(await this.get('/sign-in'), '/sign-in', { username, password })
  }

  async #go(method: string, path: string, body?: URLSearchParams): Promise<Page> {
    const url = new URL(path, this.#base)
    const answer = await fetch(url, {
      method,
      redirect: 'manual',
      headers: {
        cookie: [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; '),
        ...(method === 'POST' ? { origin: url.origin, 'sec-fetch-site': 'same-origin' } : {}),
      },
      ...(body === undefined ? {} : { body }),
    })
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (name !== undefined && value !== undefined) this.#cookies.set(name, value)
    }
    const location = answer.headers.get('location')
    if (location !== null) {
      assert.equal(answer.status, 303, `a redirect after ${method} ${path}`)
      return this.#go('GET', new URL(location, url).pathname + new URL(location, url).search)
    }
    return { status: answer.status, url: url.pathname, html: await answer.text() }
  }
}
