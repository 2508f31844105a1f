import { join, resolve } from 'node:path'
import { OperatorError } from '../lifecycle/operator-error.js'
import { hasCluster } from './embedded/cluster.js'
import { findEmbeddedPostgres, readServerFile, startEmbeddedPostgres } from './embedded/index.js'

/** A PostgreSQL server to work with. */
export interface DatabaseServer {
  url: string
  embedded: boolean
  /** What an operator should know of it, each in one line. */
  notices: string[]
  /** Resolves with an error if an embedded server ends without having been stopped. */
  failure: Promise<OperatorError>
  /** Returns whether the data of an embedded server are still in place. Always true for any other server. */
  isIntact(): Promise<boolean>
  /** Stops an embedded server; leaves any other alone. */
  stop(): Promise<void>
}

/** Behaviour of a server that Latchkey has not started. */
export const externalServer = {
  notices: [],
  failure: new Promise<OperatorError>(() => {}),
  isIntact: async () => true,
  stop: async () => {},
}

/** Settings that say which server to use. */
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
  const directory = directoryOf(dataDirectory)
  const server = await startEmbeddedPostgres(directory)
  const isIntact = async () => (await readServerFile(directory))?.url === server.url
  return { ...server, embedded: true, isIntact }
}

/**
 * Returns the server for a command: the one that the settings name, else the embedded one of a running service. If
 * there is neither, starts the embedded one on its data, but never creates it.
 *
 * @throws OperatorError when there are no data, or the embedded server does not start
 */
export async function borrowServer(settings: ServerSettings): Promise<DatabaseServer> {
  const running = await findServer(settings)
  if (running) return running
  const directory = directoryOf(settings.dataDirectory)
  if (!(await hasCluster(directory)))
    throw new OperatorError(
      `there is no database: DATABASE_URL is not set, and the service has not created one in ${resolve(directory)}`,
    )
  return provisionServer(settings)
}

/** Returns the same server, and creates the embedded one if there are no data. @throws OperatorError when it does not start */
export async function borrowOrCreateServer(settings: ServerSettings): Promise<DatabaseServer> {
  return (await findServer(settings)) ?? provisionServer(settings)
}

/**
 * Returns the URL of the server that the settings name, else that of the embedded one of a running service, which has another port
 * after each start. Null if there is neither.
 */
export async function findServerUrl({
  databaseDirectUrl,
  databaseUrl,
  dataDirectory,
}: ServerSettings): Promise<string | null> {
  return databaseDirectUrl ?? databaseUrl ?? (await findEmbeddedPostgres(directoryOf(dataDirectory)))
}

async function findServer(settings: ServerSettings): Promise<DatabaseServer | undefined> {
  const url = await findServerUrl(settings)
  return url ? external(url) : undefined
}

function external(url: string): DatabaseServer {
  return { ...externalServer, url, embedded: false }
}

function directoryOf(dataDirectory: string): string {
  return join(dataDirectory, 'postgres')
}
