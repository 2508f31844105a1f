import { Command, CommanderError } from 'commander'
import { addClientCommands } from './clients.js'
import { addSchemaCommands } from './database.js'
import { addDoctorCommand } from './doctor/index.js'
import type { Io } from './io.js'
import { addKeyCommands } from './keys.js'
import { addOpenApiCommand } from './openapi.js'
import { escapeLines } from './output.js'
import { exitStatus, reportError } from './run.js'
import { addStartCommand } from './start.js'
import { addTokenCommands } from './tokens.js'
import { addUserCommands } from './users.js'

const groups = [
  addStartCommand,
  addUserCommands,
  addClientCommands,
  addKeyCommands,
  addTokenCommands,
  addSchemaCommands,
  addOpenApiCommand,
  addDoctorCommand,
]

/** Runs one command and returns its exit status. @param args arguments after `latchkey` */
export async function runCommandLine(args: string[], io: Io): Promise<number> {
  const program = new Command('latchkey')
    .description('Runs Latchkey, and operates it on the database that the environment names.')
    .configureOutput({
      writeOut: (text) => io.stdout.write(escapeLines(text)),
      writeErr: (text) => io.stderr.write(escapeLines(text)),
    })
    .showHelpAfterError('Run with --help for usage.')
    .addHelpText(
      'after',
      '\nExit status: 0 for success, 1 for failure, 2 for wrong usage, 3 if not found, 4 if the current state forbids it.',
    )
    .exitOverride()
  for (const addCommands of groups) addCommands(program, io)
  try {
    await program.parseAsync(args.length > 0 ? args : ['start'], { from: 'user' })
    return 0
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitStatus.usage
    return reportError(error, io)
  }
}
