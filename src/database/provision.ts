import { join } from 'node:path'
import { findEmbeddedPostgres, startEmbeddedPostgres } from './embedded/index.js'

/** A PostgreSQL server to work with. */
export interface DatabaseServer {
  url: string
  embedded: boolean
  /** Stops an embedded server; leaves any other alone. */
  stop(): Promise<void>
}

/** Settings that name the server. */
interface ServerSettings {
  databaseUrl: string | undefined
  databaseDirectUrl: string | undefined
  /** Directory that holds the data of the embedded server. */
  dataDirectory: string
}

/**
 * Returns the server at DATABASE_URL or, if that is not set, starts an embedded one.
 *
 * @throws OperatorError when the embedded server does not start
 */
export async function provisionServer({
  databaseUrl,
  dataDirectory,
}: Omit<ServerSettings, 'databaseDirectUrl'>): Promise<DatabaseServer> {
  if (databaseUrl) return external(databaseUrl)
  return { ...(await startEmbeddedPostgres(directoryOf(dataDirectory))), embedded: true }
}

/**
 * Returns the server for a command, which uses the embedded one of a running service if there is one.
 *
 * @throws OperatorError when the embedded server does not start
 */
export async function borrowServer(settings: ServerSettings): Promise<DatabaseServer> {
  const { databaseDirectUrl, databaseUrl, dataDirectory } = settings
  const url = databaseDirectUrl ?? databaseUrl ?? (await findEmbeddedPostgres(directoryOf(dataDirectory)))
  return url ? external(url) : provisionServer(settings)
}

function external(url: string): DatabaseServer {
  return { url, embedded: false, stop: async () => {} }
}

function directoryOf(dataDirectory: string): string {
  return join(dataDirectory, 'postgres')
}
