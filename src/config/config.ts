import type { TracingSettings } from '../tracing/settings.js'

/** The service's settings, parsed, checked and frozen. Each part of the service takes the ones that it uses. */
export type Config = Readonly<{
  /** Whether the rules of production apply: unsafe settings then prevent the start. */
  production: boolean
  host: string
  port: number
  logLevel: string
  /** Names of the members in the lines of the log. */
  logFormat: 'json' | 'ecs'
  /** Name of the service in its traces, and in a log in the format `ecs`. */
  serviceName: string
  /** How traces are recorded; null where they are not. */
  tracing: TracingSettings | null
  /** Address and port that metrics are served on; a port of undefined serves none. */
  metricsHost: string
  metricsPort: number | undefined
  /** Maximum number of clients with metrics of their own. */
  metricsClients: number
  /** PostgreSQL or a pooler in front of it; undefined where the embedded server is used. */
  databaseUrl: string | undefined
  /** PostgreSQL itself, if `databaseUrl` leads to a pooler. */
  databaseDirectUrl: string | undefined
  /** A streaming replica, for reads of items. */
  databaseReplicaUrl: string | undefined
  /** Maximum replication lag; while it is exceeded, the primary is read. */
  databaseReplicaMaxLagSeconds: number
  databasePoolSize: number
  /** Maximum duration of a statement. */
  databaseTimeoutSeconds: number
  dataDirectory: string
  /** The `iss` of the tokens, and the origin of every URL in the metadata. */
  issuer: string
  audience: string
  /** Shared secret that signs tokens; undefined where the key ring signs. */
  jwtSecret: string | undefined
  signingAlgorithm: 'ES256' | 'RS256'
  keyEncryptionSecret: string
  keyEncryptionSecretPrevious: string | undefined
  keyRotationSeconds: number
  jwksMaxAgeSeconds: number
  /** Whether access tokens have a status, which status lists publish. */
  statusLists: boolean
  allowedGrants: readonly string[]
  accessTokenTtlSeconds: number
  refreshTokenIdleSeconds: number
  refreshTokenTtlSeconds: number
  refreshTokenGraceSeconds: number
  /** Whether changing an item requires a precondition. */
  requireIfMatch: boolean
  /** Users who may register. */
  registration: 'open' | 'invitation' | 'closed'
  smtpUrl: string | undefined
  /** Destination of mail. Without a mail server production sends none, since files would expose the links in it. */
  mail: 'smtp' | 'files' | 'off'
  mailFrom: string
  /** Addresses and networks (CIDR) of the proxies that are trusted to forward a client's address. */
  trustProxy: readonly string[]
  corsOrigins: readonly string[]
  /** Hosts of webhooks, with their ports, that may be in a private network, and may be called without TLS. */
  webhookInternalHosts: readonly string[]
  /** Whether the OpenAPI document and the pages that show it are served. */
  documentation: boolean
  /** Maximum number of lines in an import of items. */
  importMaxLines: number
  maxConnections: number
  /** Time for which an idle client connection stays open (milliseconds). */
  keepAliveMs: number
  /** Time for which the service still accepts requests after `/readyz` answers 503. */
  drainSeconds: number
  /** Maximum number of passwords hashed at once. */
  hashingConcurrency: number
  /** Maximum number of names that are looked up at once for requests to other services. */
  lookupConcurrency: number
  /** Numbers of failed logins before further ones are delayed. */
  loginFailureBudgets: Readonly<{ perPair: number; perNetwork: number; perAccount: number }>
  eventRetentionSeconds: number
  bcryptCost: number
}>
