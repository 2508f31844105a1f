import { type Command, Option } from 'commander'
import { readSecretFile } from '../config/secret-file.js'
import { canBeHashed } from '../passwords/hash-password.js'
import { newPassword } from '../passwords/new-password.js'
import { CommandError, exitStatus } from './command-error.js'
import type { Io } from './io.js'
import { openSecretPrompt } from './prompt.js'
import type { Options } from './run.js'

/** Adds the options that say where a new password comes from, to a command that calls `readNewPassword`. */
export function addPasswordOptions(command: Command): Command {
  return command
    .option('--password-file <path>', 'read the password from a file, without the line break at its end')
    .option('--generate-password', 'generate a password, which is shown only once')
    .addOption(new Option('--password [password]').hideHelp())
    .on('option:password', refusePassword)
}

/** Refuses a password among the arguments, without repeating it. */
function refusePassword(): never {
  throw new CommandError(
    exitStatus.usage,
    'a password cannot be an argument, as process lists and the history of the shell show those: enter it at the prompt, pass it on standard input, or use --password-file or --generate-password',
  )
}

/** A new password, and whether it was generated and so has to be shown. */
export interface NewPassword {
  password: string
  isGenerated: boolean
}

/**
 * Returns a new password: generated, from a file or from standard input. A terminal is prompted twice, without echo; of
 * any other input the first line is taken.
 *
 * @param requireFit throws if the password is not acceptable for the user
 * @throws CommandError if the two passwords differ, or the password cannot be hashed
 */
export async function readNewPassword(
  { passwordFile, generatePassword }: Options,
  io: Io,
  requireFit: (password: string) => Promise<void>,
): Promise<NewPassword> {
  if (generatePassword && passwordFile !== undefined)
    throw new CommandError(exitStatus.usage, '--generate-password and --password-file exclude each other')
  if (generatePassword) return { password: newPassword(), isGenerated: true }
  if (passwordFile === undefined)
    return { password: await promptForPassword(io, requireFit), isGenerated: false }
  const password = readSecretFile('--password-file', String(passwordFile))
  await requireHashable(password, requireFit)
  return { password, isGenerated: false }
}

async function promptForPassword(io: Io, requireFit: (password: string) => Promise<void>): Promise<string> {
  const prompt = openSecretPrompt(io)
  try {
    const password = await prompt.ask('Password: ')
    await requireHashable(password, requireFit)
    if (!io.stdin.isTTY || (await prompt.ask('Repeat password: ')) === password) return password
    throw new CommandError(exitStatus.usage, 'the passwords do not match')
  } finally {
    prompt.close()
  }
}

async function requireHashable(
  password: string,
  requireFit: (password: string) => Promise<void>,
): Promise<void> {
  // Node.js replaces bytes that are not valid UTF-8 by U+FFFD.
  if (password.includes('\uFFFD')) throw new CommandError(exitStatus.usage, 'the password is not valid UTF-8')
  if (password === '' || !canBeHashed(password))
    throw new CommandError(exitStatus.usage, 'a password must have 1 to 72 bytes of UTF-8 and no NUL')
  await requireFit(password)
}
