#!/usr/bin/env node
import { Command, CommanderError } from 'commander'
import { ConfigError } from '../config.ts'
import { AppError, sentenceOf } from '../lib/errors.ts'
import { projectVersion } from '../lib/project.ts'
import { addAdministration } from './commands/administration.ts'
import { addAudit } from './commands/audit.ts'
import { addConnect } from './commands/connect.ts'
import { addExtensions } from './commands/extensions.ts'
import { addMail } from './commands/mail.ts'
import { addOperation } from './commands/operation.ts'
import { addPeople } from './commands/people.ts'
import { addSessions } from './commands/sessions.ts'
import { addRefused } from './commands/refused.ts'
import { addSetup } from './commands/setup.ts'
import { addTokens } from './commands/tokens.ts'
import { addTrace } from './commands/trace.ts'

/** What a script reads from the exit code (docs/cli.md). */
const REFUSED = 1
const WRONG_USAGE = 2
const UNREACHABLE = 3
const SETTINGS_CODES = new Set([
  'token_missing',
  'store_url_missing',
  'key_missing',
  'smtp_url_missing',
])
const UNREACHABLE_CODES = new Set([
  'store_unreachable',
  'portal_unreachable',
  'broker_absent',
  'mail_server_failed',
])

const program = new Command('daypass')
  .description('Just-in-time access to PostgreSQL with a complete, provable record')
  .version(projectVersion)
  .exitOverride()
  .showHelpAfterError('(daypass --help lists every command)')
addOperation(program)
addMail(program)
addPeople(program)
addTokens(program)
addSetup(program)
addAdministration(program)
addSessions(program)
addExtensions(program)
addConnect(program)
addTrace(program)
addRefused(program)
addAudit(program)

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = report(error)
  // what a failed start left open must not keep the program from ending
  if (program.args[0] === 'serve') process.exit()
}

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : WRONG_USAGE
  if (error instanceof ConfigError) {
    process.stderr.write(`${error.message}\n`)
    return WRONG_USAGE
  }
  if (error instanceof AppError) {
    process.stderr.write(`${error.message}\n`)
    if (SETTINGS_CODES.has(error.code)) return WRONG_USAGE
    return UNREACHABLE_CODES.has(error.code) ? UNREACHABLE : REFUSED
  }
  const trace = error instanceof Error ? (error.stack ?? error.message) : sentenceOf(error)
  process.stderr.write(`${trace}\n`)
  return REFUSED
}
