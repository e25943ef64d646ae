import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'

/** The folder that holds package.json, whether we run from source or from dist/. */
export const projectRoot: string = findRoot(import.meta.dirname)

/** The version in package.json. */
export const projectVersion: string = readVersion()

function findRoot(from: string): string {
  // dist/ holds no package.json, so the first one upwards is the project's own
  if (existsSync(path.join(from, 'package.json'))) return from
  const parent = path.dirname(from)
  if (parent === from) throw new Error('package.json not found above the program')
  return findRoot(parent)
}

function readVersion(): string {
  const parsed: unknown = JSON.parse(readFileSync(path.join(projectRoot, 'package.json'), 'utf8'))
  if (typeof parsed === 'object' && parsed !== null && 'version' in parsed) {
    return String(parsed.version)
  }
  throw new Error('package.json has no version')
}
