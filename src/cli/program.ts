import { Command } from 'commander'
import { version } from '../manifest.js'
import { addBackupCommands } from './backup/index.js'
import { addClientCommands } from './clients/index.js'
import { reportError } from './command-error.js'
import { addSchemaCommands } from './database.js'
import { addDoctorCommand } from './doctor/index.js'
import { addEventsCommand } from './events/index.js'
import type { Io } from './io.js'
import { addKeyCommands } from './keys.js'
import { addOpenApiCommand } from './openapi.js'
import { escapeLines } from './output.js'
import { addResourceCommands } from './resources/index.js'
import { addRoleCommands } from './roles/index.js'
import { addScaleCommands } from './scale/index.js'
import { addSessionCommands } from './sessions.js'
import { addStartCommand } from './start.js'
import { addTokenCommands } from './tokens.js'
import { addUserCommands } from './users/index.js'
import { addWebhookCommands } from './webhooks/index.js'

const groups = [
  addStartCommand,
  addUserCommands,
  addClientCommands,
  addResourceCommands,
  addRoleCommands,
  addSessionCommands,
  addTokenCommands,
  addKeyCommands,
  addEventsCommand,
  addWebhookCommands,
  addSchemaCommands,
  addBackupCommands,
  addScaleCommands,
  addOpenApiCommand,
  addDoctorCommand,
]

const exitStatuses = `
Exit status: 0 for success, 1 for failure, 2 for wrong usage, 3 if not found,
4 if the current state forbids it, 130 if interrupted; migrate --check has more.`

/** Runs one command and returns its exit status. @param args arguments after `latchkey` */
export async function runCommandLine(args: string[], io: Io): Promise<number> {
  const json = hasOption('--json', args)
  const program = new Command('latchkey')
    .description('Runs Latchkey, and operates it on the database that the environment names.')
    .option('--json', 'print JSON, errors too')
    .option('--verbose', 'print the stack of an error')
    .configureHelp({ showGlobalOptions: true, minWidthToWrap: 20 })
    .configureOutput({
      writeOut: (text) => io.stdout.write(escapeLines(text)),
      writeErr: (text) => json || io.stderr.write(escapeLines(text)),
      outputError: (text, write) => write(text.replace(/^error: /, 'latchkey: ')),
    })
    .showHelpAfterError('Run with --help for usage.')
    .addHelpText('after', exitStatuses)
    .exitOverride()
  // `latchkey openapi` has an option of that name.
  if (args.find((argument) => !argument.startsWith('-')) !== 'openapi')
    program.version(version, '--version', 'print the version')
  for (const addCommands of groups) addCommands(program, io)
  program.command('version', { hidden: true }).action(() => void io.stdout.write(`${version}\n`))
  try {
    await program.parseAsync(args.length > 0 ? args : ['start'], { from: 'user' })
    return 0
  } catch (error) {
    return reportError(error, { json, verbose: hasOption('--verbose', args) }, io)
  }
}

/** Returns whether an option that every command has is given. The parser may have refused the arguments. */
function hasOption(option: string, args: string[]): boolean {
  const end = args.indexOf('--')
  return args.slice(0, end === -1 ? undefined : end).includes(option)
}
