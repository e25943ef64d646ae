import { setTimeout as sleep } from 'node:timers/promises'
import type { Granted } from '../support/granted.ts'
import { cancelRequest, terminate } from '../proxy/conformance/frontend.ts'
import { RawClient } from '../proxy/conformance/raw-client.ts'
import { logIn } from '../proxy/conformance/scram-login.ts'
import type { Random } from '../walk/random.ts'
import type { Piece, Voice } from './pieces/piece.ts'
import { preparations } from './pieces/prepared.ts'
import { sleeps } from './pieces/queries.ts'
import { lastWords, nextPiece } from './traffic.ts'

/** What all clients have done together. */
export interface Tally {
  executions: number
  connections: number
  /** Connections that did not end with Terminate behind a ReadyForQuery. */
  cutShort: number
  cancels: number
  /** What each kind of piece was said how often. */
  readonly pieces: Map<string, number>
}

export interface Run {
  readonly port: number
  readonly database: string
  readonly tally: Tally
  /** How many executions all clients together are to ask for. */
  readonly wanted: number
}

/** How often a connection ends in the middle of something, and how often it ends well. */
const VANISHES = 0.006
const LEAVES = 0.01
const CANCELS = 0.004
const TRIES_AGAIN_MS = 100

/** One client: it connects, says one piece after the other, vanishes, comes back. */
export async function runClient(
  number: number,
  granted: Granted,
  run: Run,
  dice: Random,
): Promise<void> {
  let marks = 0
  const voice: Voice = {
    client: number,
    dice,
    mark: () => `/* ${String(number)}.${String((marks += 1))} */`,
  }
  const { tally } = run
  while (tally.executions < run.wanted) {
    const client = await connect(run, granted)
    tally.connections += 1
    try {
      await stay(client, voice, run)
    } catch {
      // cut by a nemesis: nothing that was said needs to be answered
      tally.cutShort += 1
    } finally {
      client.close()
    }
  }
}

/** While a proxy is being replaced nobody answers. */
async function connect(run: Run, { username, secret }: Granted): Promise<RawClient> {
  for (let tries = 200; ; tries -= 1) {
    try {
      const client = await RawClient.connect(run.port)
      await logIn(client, { user: username, secret, database: run.database })
      return client
    } catch (error) {
      if (tries === 0) throw error
      await sleep(TRIES_AGAIN_MS)
    }
  }
}

async function stay(client: RawClient, voice: Voice, run: Run): Promise<void> {
  const { dice } = voice
  await say(client, preparations(), run.tally)
  while (run.tally.executions < run.wanted) {
    const chance = dice.number()
    if (chance < VANISHES) {
      client.say(...lastWords(voice))
      if (dice.number() < 0.5) await sleep(dice.between(0, 5))
      run.tally.cutShort += 1
      client.socket.resetAndDestroy()
      return
    }
    if (chance < VANISHES + LEAVES) break
    if (chance < VANISHES + LEAVES + CANCELS) await cancel(client, voice, run)
    else await say(client, nextPiece(voice), run.tally)
  }
  client.say(terminate)
  await client.ended()
}

async function cancel(client: RawClient, voice: Voice, run: Run): Promise<void> {
  const asked = say(client, sleeps(voice), run.tally)
  // a proxy killed meanwhile cuts both; what fails here first is what is told
  asked.catch(() => undefined)
  await sleep(voice.dice.between(5, 60))
  const other = await RawClient.connect(run.port)
  other.say(cancelRequest(client.pid, client.key))
  run.tally.cancels += 1
  await asked
  other.close()
}

/** Says it, answers COPY, and hears everything up to the last ReadyForQuery. */
async function say(client: RawClient, piece: Piece, tally: Tally): Promise<void> {
  client.say(...piece.says)
  if (piece.copy) {
    await client.until('G')
    // row by row, as clients do
    for (const message of piece.copy) client.say(message)
  }
  await client.until('Z', piece.readies)
  tally.executions += piece.executions
  tally.pieces.set(piece.name, (tally.pieces.get(piece.name) ?? 0) + 1)
}
