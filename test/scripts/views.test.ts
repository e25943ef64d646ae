import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const TIME_LIMIT = 60_000

/** What the check must say of a view, and nothing else. */
const PLANTED: readonly (readonly [string, RegExp])[] = [
  ['<p>\n<%- v.text %></p>', /:2 prints unescaped/],
  ['<p style="color: red">a</p>', /:1 an inline style/],
  ['<style>p { color: red }</style>', /:1 a style element/],
  ['<button onclick="go()">a</button>', /:1 an inline event handler/],
  ['<p>a</p>\n<script>go()</script>', /:2 a script without src/],
  ['<a href="javascript:go()">a</a>', /:1 a script or data address/],
  ['<form method="post" action="/a"></form>', /:1 a form that posts without _csrf/],
  ['<p>\n\n<%= process.pid %></p>', /:3 uses process/],
  ['<% for (const row of v.rows) { %><%= raw %><% } %>', /:1 uses raw/],
  ['<p><%= v.text.toUpperCase() %></p>', /:1 computes: v\.text\.toUpperCase\(\)/],
  ['<p>a</p>\n<% if (v.text { %>a<% } %>', /:2 does not compile/],
]

describe('npm run views', () => {
  let folder: string

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'daypass-views-'))
  })

  afterEach(async () => {
    await rm(folder, { recursive: true, force: true })
  })

  it('names the file, the line and the fault of every view that breaks a rule', async () => {
    for (const [index, [source]] of PLANTED.entries()) {
      await writeFile(join(folder, `planted-${index}.ejs`), source)
    }

    const { code, errors } = await checkViews(folder)

    assert.equal(code, 1)
    for (const [index, [source, fault]] of PLANTED.entries()) {
      const said = errors.split('\n').filter((line) => line.includes(`planted-${index}.ejs`))
      assert.match(said.join('\n'), fault, `of ${source}`)
    }
  }).timeout(TIME_LIMIT)

  it('lets a view pass that loops, chooses and includes', async () => {
    const rows = '<% for (const row of v.rows) { %><b><%= row.name %></b><% } %>'
    await writeFile(join(folder, 'part.ejs'), rows)
    await writeFile(join(folder, 'page.ejs'), "<%- include('./part', { rows: v.rows }) %>\n")

    assert.deepEqual(await checkViews(folder), { code: 0, errors: '' })
  }).timeout(TIME_LIMIT)

  it('refuses a folder without views, for it would prove nothing', async () => {
    assert.equal((await checkViews(folder)).code, 1)
  }).timeout(TIME_LIMIT)
})

function checkViews(folder: string): Promise<{ code: number; errors: string }> {
  const args = ['--import', 'tsx', 'scripts/views.ts', folder]
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      args,
      { cwd: ROOT, timeout: TIME_LIMIT },
      (_, __, errors) => resolve({ code: child.exitCode ?? -1, errors }),
    )
  })
}
