import type { Command } from 'commander'
import { runService } from '../service.js'

/** `latchkey start` */
export function addStartCommand(program: Command): void {
  program
    .command('start')
    .description('run the service in this process until SIGINT (Ctrl-C) or SIGTERM; the default command')
    .action(() => runService([]))
}
