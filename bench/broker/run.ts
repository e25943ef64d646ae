import { readCommandLine } from './command-line.ts'
import { measureEnds } from './ends.ts'
import { measureGrants } from './grants.ts'
import { measureStarts } from './starts.ts'
import { makeBenchWorld } from './world.ts'
import { print } from './figures.ts'

/**
 * What grants and removals cost beside bare SQL that does the same steps and commits over the same
 * number of connections: `npm run bench -- broker [--roles 10000 --sessions 1000 --rounds 60]`.
 */
const { roles, sessions, rounds } = readCommandLine()
const world = await makeBenchWorld({ roles })
try {
  print(await measureGrants(world, rounds))
  print(await measureStarts(world, sessions))
  print(await measureEnds(world, sessions))
} finally {
  await world.close()
}
