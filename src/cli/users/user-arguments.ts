import { isSingleLine } from '../../database/storable.js'
import { findUnusableName } from '../../users/account-rules.js'
import { CommandError, exitStatus } from '../command-error.js'
import type { Io } from '../io.js'
import type { Options } from '../run.js'

/** Options that several commands have, as they declare them. */
export const userOptions = {
  force: ['--force', 'accept values that the API would reject'],
  noChangeRequired: [
    '--no-change-required',
    'let the user keep the password; otherwise they must change it before anything else',
  ],
  unverified: [
    '--unverified',
    'treat the address as unverified until the user opens a link that is sent to it',
  ],
} as const

/** Returns a function that refuses what the API would reject or, with `--force`, only warns. */
export function rulesUnlessForced({ force }: Options, { stderr }: Io) {
  return function requireRule(what: string, problem: string | undefined): void {
    if (problem === undefined) return
    if (!force) throw new CommandError(exitStatus.usage, `the ${what} ${problem}; --force overrides this`)
    stderr.write(`latchkey: warning: the ${what} ${problem}\n`)
  }
}

/** Returns a username that the database can hold and a URL can name. @throws CommandError for any other */
export function readUsername(username: string): string {
  const problem =
    readText('username', username, 255) === null ? 'must not be empty' : findUnusableName(username)
  if (problem) throw new CommandError(exitStatus.usage, `a username ${problem}`)
  return username
}

/** Returns an optional argument, null if it is empty. @throws CommandError if it is too long or not fit to be stored */
export function readText(
  what: string,
  text: unknown,
  maxLength: number,
  isFit = isSingleLine,
): string | null {
  if (typeof text !== 'string' || text === '') return null
  if (text.length > maxLength || !isFit(text))
    throw new CommandError(
      exitStatus.usage,
      `the ${what} must have at most ${maxLength} characters and no control characters`,
    )
  return text
}
