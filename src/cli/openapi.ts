import type { Command } from 'commander'
import { buildApp } from '../app.js'
import { printJson } from './output.js'
import { type Io, onDatabase } from './run.js'

/** `latchkey openapi` */
export function addOpenApiCommand(program: Command, io: Io): void {
  program
    .command('openapi')
    .description('print the OpenAPI document')
    .action(
      onDatabase(io, async function printDocument({ config, database }) {
        const app = await buildApp({ ...config, logLevel: 'silent' }, database)
        await app.ready()
        printJson(io, app.swagger())
        await app.close()
      }),
    )
}
