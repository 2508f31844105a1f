import type { Command } from 'commander'
import { runService } from '../service.js'
import { reportError } from './command-error.js'
import type { Io } from './io.js'

/** `latchkey start` */
export function addStartCommand(program: Command, io: Io): void {
  program
    .command('start')
    .description('run the service in this process until SIGINT (Ctrl-C) or SIGTERM; the default command')
    .action((_options: unknown, command: Command) => {
      const { json, verbose } = command.optsWithGlobals()
      return runService([], json ? (error) => reportError(error, { json, verbose }, io) : undefined)
    })
}
