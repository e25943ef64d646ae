import assert from 'node:assert/strict'

/** One answer of the API. */
export interface Answer {
  readonly status: number
  readonly body: Record<string, unknown>
}

/** The API as one person's token sees it. */
export class PersonApi {
  readonly #base: string
  readonly #token: string

  constructor(portalUrl: string, token: string) {
    this.#base = `${portalUrl}/api/v1`
    this.#token = token
  }

  /** What a path holds; anything but 200 fails the test. */
  async get(path: string): Promise<Record<string, unknown>> {
    const answer = await this.call(path)
    assert.equal(answer.status, 200, JSON.stringify(answer.body))
    return answer.body
  }

  post(path: string, body: object): Promise<Answer> {
    return this.call(path, { method: 'POST', body: JSON.stringify(body) })
  }

  async call(path: string, init: RequestInit = {}): Promise<Answer> {
    const answer = await fetch(this.#base + path, {
      ...init,
      headers: { authorization: `Bearer ${this.#token}`, 'content-type': 'application/json' },
    })
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
  }
}
