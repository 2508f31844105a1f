import { type Command, Option } from 'commander'
import { buildApp } from '../app.js'
import { readConfig } from '../config/index.js'
import { openDatabase } from '../database/client.js'
import { profiles, selectDocument, versions } from '../docs/selection.js'
import type { Io } from './io.js'
import { printJson } from './output.js'

/** URL that leads to no database: the document is generated from the routes alone. */
const noDatabase = 'postgres:///none?host=/dev/null'

/** `latchkey openapi` */
export function addOpenApiCommand(program: Command, io: Io): void {
  program
    .command('openapi')
    .description('print the OpenAPI document')
    .addOption(new Option('--version <version>', 'version of OpenAPI').choices(versions))
    .addOption(new Option('--profile <profile>', 'document for generators of clients').choices(profiles))
    .action(async function printDocument(options: Parameters<typeof selectDocument>[1]) {
      // In development, since settings that only the running service needs may be missing.
      const given = readConfig({ ...io.env, NODE_ENV: 'development' })
      const elsewhere = { databaseDirectUrl: undefined, databaseReplicaUrl: undefined }
      const config = { ...given, ...elsewhere, logLevel: 'silent' }
      const app = await buildApp(config, openDatabase(config, noDatabase))
      await app.ready()
      printJson(io.stdout, selectDocument(app.swagger(), options))
      await app.close()
    })
}
