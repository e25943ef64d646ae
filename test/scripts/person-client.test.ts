import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import path from 'node:path'
import { json } from 'node:stream/consumers'
import { projectRoot } from '../../lib/project.ts'

const PROGRAM = path.join(projectRoot, 'dist', 'scripts', 'daypass.js')

describe('the command line, for a person', () => {
  let portal: Server
  let answer: (...exchange: Parameters<RequestListener>) => unknown

  before(async () => {
    portal = createServer((req, res) => void answer(req, res)).listen(0, '127.0.0.1')
    await once(portal, 'listening')
  })
  after(() => portal.close())

  it('lists every session, however many pages the portal makes of them', async () => {
    const asked: string[] = []
    answer = (req, res) => {
      const cursor = new URL(req.url ?? '', 'http://portal').searchParams.get('cursor')
      asked.push(req.url ?? '')
      const first = cursor === null ? 100 : 50
      const sessions = Array.from({ length: 50 }, (_, place) => session(first - place))
      res.end(JSON.stringify({ sessions, next: cursor === null ? '51' : null }))
    }
    const { code, out } = await run('sessions', '--mine')
    assert.equal(code, 0)
    assert.equal(out.trim().split('\n').length, 101)
    assert.deepEqual(asked, ['/api/v1/sessions?mine=true', '/api/v1/sessions?mine=true&cursor=51'])

    const { sessions } = JSON.parse((await run('sessions', '--mine', '--json')).out) as {
      sessions: readonly { readonly justification?: string }[]
    }
    assert.equal(sessions.length, 100)
    assert.equal(sessions[99]?.justification, 'ticket 7')
  })

  it('says so where the trail broke off before its end', async () => {
    answer = (_req, res) => {
      res.writeHead(200, { 'content-type': 'text/plain' })
      res.write('one record\n', () => res.destroy())
    }
    const { code, out, err } = await run('audit')
    assert.equal(out, 'one record\n')
    assert.notEqual(code, 0)
    assert.match(err, /The portal at \S+ broke off before the end, so this is not all of it/)
    assert.doesNotMatch(err, /^ +at /m)
  })

  it('reads the address of a data source from standard input, where no list of processes shows it', async () => {
    const posted: unknown[] = []
    answer = async (req, res) => {
      posted.push(await json(req))
      res.end('{}')
    }
    const url = 'postgres://daypass_broker:secret@db.example.com:5432/shop'
    const { code, out } = await runWith(`${url}\n`, 'source', 'add', 'shop')
    assert.deepEqual([code, out], [0, 'Added data source shop.\n'])
    assert.deepEqual(posted, [{ name: 'shop', url }])
  })

  const run = (...args: string[]) => runWith('', ...args)

  function runWith(
    input: string,
    ...args: string[]
  ): Promise<{ code: number; out: string; err: string }> {
    const address = portal.address()
    assert.ok(typeof address === 'object' && address !== null)
    const url = `http://127.0.0.1:${String(address.port)}`
    const env = { ...process.env, DAYPASS_URL: url, DAYPASS_TOKEN: 'a token' }
    return new Promise((resolve) => {
      const child = execFile(process.execPath, [PROGRAM, ...args], { env }, (_error, out, err) =>
        resolve({ code: child.exitCode ?? -1, out, err }),
      )
      child.stdin?.end(input)
    })
  }
})

function session(id: number): object {
  return {
    id: String(id),
    state: 'EXPIRED',
    dataSource: 'shop',
    requester: 'mark',
    roles: [{ name: 'role1', state: 'APPROVED' }],
    username: null,
    start: null,
    end: null,
    justification: 'ticket 7',
  }
}
