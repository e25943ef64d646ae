import type { Config } from '../../config.ts'
import { AppError } from '../../lib/errors.ts'
import { derivePartKey, open, openingKey, publicBytesOf, seal } from '../../lib/seal.ts'

/** Seals a secret that the portal alone will open. Errors: `bad_settings`. */
export function sealToSelf(config: Config, clear: string, about: string): Buffer {
  return seal(publicBytesOf(openingKey(partKeyOf(config))), clear, about)
}

/** Opens what the portal sealed to itself. Errors: `sealed_value_unreadable`, `bad_settings`. */
export function openOwn(config: Config, sealed: Buffer, about: string): string {
  return open(openingKey(partKeyOf(config)), sealed, about)
}

function partKeyOf({ partKey, masterKey }: Config): Buffer {
  const key = partKey ?? (masterKey && derivePartKey(masterKey, 'portal'))
  if (key !== undefined) return key
  throw new AppError(
    'bad_settings',
    'The portal has no key to seal with: set DAYPASS_MASTER_KEY or DAYPASS_PART_KEY.',
  )
}
