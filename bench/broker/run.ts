import { readCommandLine } from './command-line.ts'
import { measureEnds } from './ends.ts'
import { measureGrants } from './grants.ts'
import { measureStarts } from './starts.ts'
import { makeBenchWorld } from './world.ts'
import { print } from './figures.ts'

/**
 * What grants and removals cost beside bare SQL that does the same steps and commits over the same
 * number of connections:
 * `npm run bench -- broker [--roles 10000 --sessions 1000 --rounds 60 --only grants,starts,ends]`.
 */
const { roles, sessions, rounds, parts } = readCommandLine()
const world = await makeBenchWorld({ roles })
try {
  if (parts.includes('grants')) print(await measureGrants(world, rounds))
  if (parts.includes('starts')) print(await measureStarts(world, sessions))
  if (parts.includes('ends')) print(await measureEnds(world, sessions))
} catch (error) {
  // said before anything is cleared away, which may fail as well
  console.error(error)
  process.exitCode = 1
} finally {
  await world.close()
}
