import { execFile } from 'node:child_process'
import { copyFile, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { projectRoot } from '../../lib/project.ts'

/** Programs of parts that tests start as processes of their own. */
const PARTS = ['broker', 'proxy'] as const
export type Part = (typeof PARTS)[number]

let compiled: string | undefined

/**
 * Compiles the parts into a folder of their own: a process that need not translate its source starts
 * in a third of the time, and all of one run are of the same source. Returns what removes the folder.
 */
export async function compileParts(): Promise<() => Promise<void>> {
  const folder = await mkdtemp(path.join(tmpdir(), 'daypass-parts-'))
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true })
  try {
    await symlink(path.join(projectRoot, 'node_modules'), path.join(folder, 'node_modules'))
    await copyFile(path.join(projectRoot, 'package.json'), path.join(folder, 'package.json'))
    const project = path.join(folder, 'tsconfig.json')
    await writeFile(project, JSON.stringify(projectFor(folder)))
    const compiler = path.join(projectRoot, 'node_modules', '@typescript', 'native', 'bin', 'tsc')
    // types are looked at by `npm run types`
    await promisify(execFile)(process.execPath, [compiler, '-p', project, '--noCheck'])
  } catch (error) {
    await remove()
    throw error
  }
  compiled = folder
  return remove
}

/** How to start a part: as it was compiled, or from its source. */
export function programOf(part: Part): { readonly args: readonly string[]; readonly cwd: string } {
  const program = path.join('test', 'support', `${part}-process`)
  if (compiled !== undefined) return { args: [`${program}.js`], cwd: compiled }
  return { args: ['--import', 'tsx', `${program}.ts`], cwd: projectRoot }
}

function projectFor(outDir: string): unknown {
  return {
    extends: path.join(projectRoot, 'tsconfig.json'),
    compilerOptions: {
      noEmit: false,
      incremental: false,
      rootDir: projectRoot,
      outDir,
      typeRoots: [path.join(projectRoot, 'node_modules', '@types')],
    },
    files: [
      ...PARTS.map((part) => path.join(projectRoot, 'test', 'support', `${part}-process.ts`)),
      // a thread of the proxy's, named by its file alone
      path.join(projectRoot, 'proxy', 'journal', 'recording-worker.ts'),
    ],
    include: [],
  }
}
