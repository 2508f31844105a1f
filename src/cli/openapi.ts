import type { Command } from 'commander'
import { buildApp } from '../app.js'
import { readConfig } from '../config/index.js'
import { openDatabase } from '../database/client.js'
import type { Io } from './io.js'
import { printJson } from './output.js'

/** URL that leads to no database: the document is generated from the routes alone. */
const noDatabase = 'postgres:///none?host=/dev/null'

/** `latchkey openapi` */
export function addOpenApiCommand(program: Command, io: Io): void {
  program
    .command('openapi')
    .description('print the OpenAPI document')
    .action(async function printDocument() {
      // In development, since settings that only the running service needs may be missing.
      const given = readConfig({ ...io.env, NODE_ENV: 'development' })
      const elsewhere = { databaseDirectUrl: undefined, databaseReplicaUrl: undefined }
      const config = { ...given, ...elsewhere, logLevel: 'silent' }
      const app = await buildApp(config, openDatabase(config, noDatabase))
      await app.ready()
      printJson(io, app.swagger())
      await app.close()
    })
}
