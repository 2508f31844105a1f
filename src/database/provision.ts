import { join } from 'node:path'
import type { Config } from '../config/index.js'
import { findEmbeddedPostgres, startEmbeddedPostgres } from './embedded/index.js'

/** The PostgreSQL server that the configuration names. */
export interface DatabaseServer {
  url: string
  embedded: boolean
  stop(): Promise<void>
}

/**
 * The server at DATABASE_URL or, when that is not set, an embedded one with its data below the data directory.
 *
 * @throws OperatorError when the embedded server does not come up
 */
export async function provisionServer({ databaseUrl, dataDirectory }: Config): Promise<DatabaseServer> {
  if (databaseUrl) return { url: databaseUrl, embedded: false, stop: async () => {} }
  return { ...(await startEmbeddedPostgres(join(dataDirectory, 'postgres'))), embedded: true }
}

/**
 * The same server for a command: where the service has the embedded one running, the command uses that.
 *
 * @throws OperatorError when the embedded server does not come up
 */
export async function borrowServer(config: Config): Promise<DatabaseServer> {
  const url =
    config.databaseDirectUrl ??
    config.databaseUrl ??
    (await findEmbeddedPostgres(join(config.dataDirectory, 'postgres')))
  return url ? { url, embedded: false, stop: async () => {} } : provisionServer(config)
}
