import type { Command } from 'commander'
import { readConfig } from '../../config.ts'
import { chooseHome } from '../../db/embedded.ts'
import { AppError } from '../../lib/errors.ts'
import { derivePartKey, openingKey } from '../../lib/seal.ts'
import { readRefused } from '../../proxy/journal/refused.ts'
import { keysFile } from '../home-file.ts'
import { print } from '../print.ts'

/** refused: what a proxy set aside because the store would not take it. */
export function addRefused(program: Command): void {
  program
    .command('refused')
    .description('print the statements that a proxy set aside, as JSON, one a line')
    .argument('<file>', "statements.refused in the proxy's journal folder")
    .action((file: string) => {
      for (const line of readRefused(file, openingKey(proxyKey()))) print(line)
    })
}

function proxyKey(): Buffer {
  const { partKey, masterKey, dataDir } = readConfig()
  if (partKey) return partKey
  const kept = keysFile(chooseHome({ dataDir }).dir).find()?.masterKey
  const master = masterKey ?? (kept === undefined ? undefined : Buffer.from(kept, 'base64'))
  if (master) return derivePartKey(master, 'proxy')
  throw new AppError('key_missing', "Set DAYPASS_MASTER_KEY, or the proxy's DAYPASS_PART_KEY.")
}
