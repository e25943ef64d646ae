/**
 * `npm run views`: every view compiles with the portal's options, prints escaped, carries no inline
 * script or style, guards its forms, and sees nothing but `v`, `include` and what it declares.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import ejs from 'ejs'
import ts from 'typescript'

interface Fault {
  readonly line: number
  readonly text: string
}

interface Tag {
  readonly open: string
  readonly code: string
  readonly at: number
  readonly end: number
}

const TAG = /<%(?!%)([-=_#]?)([\s\S]*?)[-_]?%>/g

/** What a view must not hold outside its tags: our policy for content refuses to run it. */
const INLINE: readonly (readonly [RegExp, string])[] = [
  [/\sstyle\s*=/gi, 'an inline style; put it in daypass.css'],
  [/<style\b/gi, 'a style element; put it in daypass.css'],
  [/\son[a-z]+\s*=/gi, 'an inline event handler; put it in daypass.js'],
  [/<script\b(?![^>]*\ssrc=)[^>]*>/gi, 'a script without src'],
  [/\b(?:href|action|src)\s*=\s*["']?\s*(?:javascript|data):/gi, 'a script or data address'],
]

const folder = process.argv[2] ?? fileURLToPath(new URL('../views', import.meta.url))
const views = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ejs'))
  .map((name) => join(folder, name))
const found = views.flatMap((file) =>
  faultsOf(file, readFileSync(file, 'utf8')).map(
    ({ line, text }) => `${relative(process.cwd(), file)}:${line} ${text}`,
  ),
)

for (const line of found) console.error(line)
console.log(`views: ${views.length} read, ${found.length} faults`)
process.exitCode = found.length === 0 && views.length > 0 ? 0 : 1

function faultsOf(file: string, source: string): Fault[] {
  const tags = tagsOf(source)
  return [
    ...compileFaults(file, source, tags),
    ...rawFaults(source, tags),
    ...inlineFaults(source, tags),
    ...formFaults(source),
    ...nameFaults(source, tags),
  ]
}

function tagsOf(source: string): Tag[] {
  return [...source.matchAll(TAG)].map((match) => ({
    open: match[1] ?? '',
    code: match[2] ?? '',
    at: match.index,
    end: match.index + match[0].length,
  }))
}

/** The compiler knows the line of a slip; EJS, asked as well, only that there is one. */
function compileFaults(file: string, source: string, tags: readonly Tag[]): Fault[] {
  const { diagnostics } = ts.transpileModule(codeOf(source, tags), {
    fileName: 'view.js',
    reportDiagnostics: true,
  })
  const slips = (diagnostics ?? []).map(({ start, messageText }) => ({
    line: lineAt(source, start ?? 0),
    text: `does not compile: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`,
  }))
  if (slips.length > 0) return slips
  try {
    ejs.compile(source, { filename: file, strict: true, localsName: 'v', _with: false })
    return []
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error)
    return [{ line: 1, text: `does not compile: ${text.split('\n')[0] ?? ''}` }]
  }
}

function rawFaults(source: string, tags: readonly Tag[]): Fault[] {
  return tags
    .filter((tag) => tag.open === '-' && !/^\s*include\(/.test(tag.code))
    .map((tag) => ({ line: lineAt(source, tag.at), text: 'prints unescaped: <%- without include' }))
}

function inlineFaults(source: string, tags: readonly Tag[]): Fault[] {
  const markup = blank(source, tags)
  return INLINE.flatMap(([pattern, text]) =>
    [...markup.matchAll(pattern)].map((match) => ({ line: lineAt(source, match.index), text })),
  )
}

function formFaults(source: string): Fault[] {
  return [...source.matchAll(/<form\b[^>]*method="post"[\s\S]*?<\/form>/g)]
    .filter(([form]) => !/name="_csrf"|include\('[./a-z]*\/csrf'/.test(form))
    .map((form) => ({ line: lineAt(source, form.index), text: 'a form that posts without _csrf' }))
}

/** Reads the code of all tags as one program, each piece where it stands in the view. */
function nameFaults(source: string, tags: readonly Tag[]): Fault[] {
  const program = ts.createSourceFile('view.js', codeOf(source, tags), ts.ScriptTarget.ES2023, true)
  const declared = new Set(['v', 'include', 'undefined'])
  const faults: Fault[] = []
  walk(program, (node) => {
    if (ts.isVariableDeclaration(node) && ts.isIdentifier(node.name)) declared.add(node.name.text)
  })
  walk(program, (node) => {
    const text = faultOf(node, declared)
    if (text) faults.push({ line: lineAt(source, node.getStart(program)), text })
  })
  return faults
}

function faultOf(node: ts.Node, declared: ReadonlySet<string>): string | undefined {
  if (ts.isCallExpression(node) && node.expression.getText() !== 'include') {
    return `computes: ${node.expression.getText()}(); a presenter does that`
  }
  if (ts.isNewExpression(node) || ts.isFunctionLike(node) || ts.isTaggedTemplateExpression(node)) {
    return 'computes; a presenter does that'
  }
  if (ts.isIdentifier(node) && isFree(node) && !declared.has(node.text)) {
    return `uses ${node.text}, which is neither v, include nor declared in the view`
  }
  return undefined
}

/** A name that is looked up, not one that follows a dot or stands before a colon. */
function isFree(node: ts.Identifier): boolean {
  const { parent } = node
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node
  if (ts.isPropertyAssignment(parent)) return parent.initializer === node
  return true
}

function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node)
  ts.forEachChild(node, (child) => walk(child, visit))
}

/** The view with its tags blanked out; lines and columns stay where they are. */
function blank(source: string, tags: readonly Tag[]): string {
  return tags.reduce(
    (text, { at, end }) => text.slice(0, at) + spaces(text.slice(at, end)) + text.slice(end),
    source,
  )
}

/** The view's code with everything else blanked out, `;` between the pieces. */
function codeOf(source: string, tags: readonly Tag[]): string {
  let code = ''
  for (const tag of tags) {
    code += spaces(source.slice(code.length, tag.at))
    const prints = tag.open === '=' || tag.open === '-'
    const lead = prints ? ' ;(' : spaces(`<%${tag.open}`)
    const body = tag.open === '#' ? spaces(tag.code) : tag.code
    const rest = tag.end - tag.at - lead.length - body.length
    code += lead + body + (prints ? ')' : ' ').padEnd(rest, ';')
  }
  return code
}

function spaces(text: string): string {
  return text.replace(/[^\n]/g, ' ')
}

function lineAt(source: string, index: number): number {
  return source.slice(0, index).split('\n').length
}
