import { availableParallelism } from 'node:os'
import { OperatorError } from '../lifecycle/operator-error.js'
import type { Config } from './config.js'
import { schemaOf } from './database-url.js'
import { developmentSecret, findUnsafeSettings, isProduction, whyProduction } from './production.js'
import { readEnvironment } from './read-environment.js'
import { reservedThreads } from './settings/accounts.js'
import type { Settings } from './settings/index.js'
import { tracingConfig } from './tracing.js'
import { toBrowserOrigin } from './urls.js'

export type { Config } from './config.js'

const minute = 60
const day = 86_400

/**
 * Reads the configuration, and requires it to be safe where the rules of production apply.
 *
 * @throws OperatorError naming every setting that is unknown, invalid or unsafe, never its value
 */
export function loadConfig(environment: NodeJS.ProcessEnv): Config {
  const config = readConfig(environment)
  const unsafe = config.production ? findUnsafeSettings(config, environment) : []
  if (unsafe.length === 0) return config
  const problems = unsafe.map(({ setting, problem }) => `${setting} ${problem}`)
  throw new OperatorError(`${problems.join('; ')} (${whyProduction(environment.NODE_ENV)})`)
}

/** Reads the configuration, safe or not. @throws OperatorError naming every setting that is unknown or invalid */
export function readConfig(environment: NodeJS.ProcessEnv): Config {
  const settings = readEnvironment(environment)
  requirePrimary(settings)
  requireOwnPort(settings)
  const production = isProduction(settings)
  const issuer = settings.ISSUER ?? `http://localhost:${settings.PORT || 8000}`
  return Object.freeze({
    production,
    issuer,
    ...databaseConfig(settings),
    ...tokenConfig(settings, issuer, production),
    ...accountConfig(settings, production),
    ...threadConfig(settings),
    ...mailConfig(settings, issuer, production),
    ...itemConfig(settings),
    ...serverConfig(settings, production),
    tracing: tracingConfig(settings),
  })
}

function databaseConfig(settings: Settings) {
  return {
    databaseUrl: settings.DATABASE_URL,
    databaseDirectUrl: settings.DATABASE_DIRECT_URL,
    databaseReplicaUrl: settings.DATABASE_REPLICA_URL,
    databaseReplicaMaxLagSeconds: settings.DATABASE_REPLICA_MAX_LAG_SECONDS,
    databasePoolSize: settings.DATABASE_POOL_SIZE,
    databaseTimeoutSeconds: settings.DATABASE_TIMEOUT_SECONDS,
    dataDirectory: settings.DATA_DIRECTORY,
  } satisfies Partial<Config>
}

function tokenConfig(settings: Settings, issuer: string, production: boolean) {
  return {
    audience: settings.AUDIENCE ?? issuer,
    jwtSecret: settings.JWT_SECRET,
    signingAlgorithm: settings.SIGNING_ALGORITHM,
    keyEncryptionSecret: chooseKeyEncryptionSecret(settings, production),
    keyEncryptionSecretPrevious: settings.KEY_ENCRYPTION_SECRET_PREVIOUS,
    keyRotationSeconds: settings.KEY_ROTATION_DAYS * day,
    jwksMaxAgeSeconds: settings.JWKS_MAX_AGE_SECONDS,
    statusLists: settings.STATUS_LISTS && settings.JWT_SECRET === undefined,
    allowedGrants: Object.freeze(settings.ALLOWED_GRANTS),
    accessTokenTtlSeconds: settings.ACCESS_TOKEN_EXPIRE_MINUTES * minute,
    refreshTokenIdleSeconds: settings.REFRESH_TOKEN_IDLE_MINUTES * minute,
    refreshTokenTtlSeconds: settings.REFRESH_TOKEN_EXPIRE_MINUTES * minute,
    refreshTokenGraceSeconds: settings.REFRESH_TOKEN_GRACE_SECONDS,
  } satisfies Partial<Config>
}

function accountConfig(settings: Settings, production: boolean) {
  return {
    registration: settings.REGISTRATION ?? (production ? 'closed' : 'open'),
    bcryptCost: settings.BCRYPT_COST,
    loginFailureBudgets: Object.freeze({
      perPair: settings.LOGIN_FAILURES_PER_ACCOUNT_AND_NETWORK,
      perNetwork: settings.LOGIN_FAILURES_PER_NETWORK,
      perAccount: settings.LOGIN_FAILURES_PER_ACCOUNT,
    }),
    eventRetentionSeconds: settings.EVENT_RETENTION_DAYS * day,
  } satisfies Partial<Config>
}

function threadConfig(settings: Settings) {
  const threads = settings.UV_THREADPOOL_SIZE
  const hashingConcurrency = chooseHashingConcurrency(settings)
  // libuv uses half of its threads for looking up names. One of them, and of those that hashing leaves, is for the database.
  const lookupThreads = Math.min(Math.ceil(threads / 2), threads - hashingConcurrency)
  return { hashingConcurrency, lookupConcurrency: lookupThreads - 1 } satisfies Partial<Config>
}

function mailConfig(settings: Settings, issuer: string, production: boolean) {
  return {
    smtpUrl: settings.SMTP_URL,
    mail: settings.SMTP_URL ? 'smtp' : production ? 'off' : 'files',
    mailFrom: settings.MAIL_FROM ?? `no-reply@${new URL(issuer).hostname}`,
  } satisfies Partial<Config>
}

function itemConfig(settings: Settings) {
  return {
    requireIfMatch: settings.REQUIRE_IF_MATCH,
    importMaxLines: settings.IMPORT_MAX_LINES,
  } satisfies Partial<Config>
}

function serverConfig(settings: Settings, production: boolean) {
  return {
    host: settings.HOST,
    port: settings.PORT,
    logLevel: settings.LOG_LEVEL,
    logFormat: settings.LOG_FORMAT,
    serviceName: settings.OTEL_SERVICE_NAME,
    metricsHost: settings.METRICS_HOST,
    metricsPort: settings.METRICS_PORT,
    metricsClients: settings.METRICS_CLIENTS,
    trustProxy: Object.freeze(settings.TRUST_PROXY ?? []),
    corsOrigins: Object.freeze(
      settings.CORS_ORIGINS?.map((origin) => toBrowserOrigin(origin) as string) ?? [],
    ),
    webhookInternalHosts: Object.freeze(settings.WEBHOOK_INTERNAL_HOSTS ?? []),
    documentation: settings.DOCUMENTATION,
    maxConnections: settings.MAX_CONNECTIONS,
    keepAliveMs: settings.KEEP_ALIVE_SECONDS * 1_000,
    drainSeconds: settings.DRAIN_SECONDS ?? (production ? 5 : 0),
  } satisfies Partial<Config>
}

/** @throws OperatorError if there is another way to a database without DATABASE_URL, or to another schema */
function requirePrimary(settings: Settings): void {
  const { DATABASE_URL: primary } = settings
  for (const name of ['DATABASE_DIRECT_URL', 'DATABASE_REPLICA_URL'] as const) {
    const other = settings[name]
    if (!other) continue
    if (!primary) throw new OperatorError(`${name} requires a DATABASE_URL`)
    if (schemaOf(other) !== schemaOf(primary))
      throw new OperatorError(`${name} must name the same schema as DATABASE_URL`)
  }
}

/** @throws OperatorError if metrics would be served on the port of the service */
function requireOwnPort({ PORT, METRICS_PORT }: Settings): void {
  if (METRICS_PORT === PORT && PORT !== 0)
    throw new OperatorError('METRICS_PORT must be another port than PORT')
}

/**
 * Falls back to the shared secret: where that signs tokens, only the MAC key is encrypted, for which it is good enough.
 * Returns an empty text if production has neither, which is among the unsafe settings.
 */
function chooseKeyEncryptionSecret(settings: Settings, production: boolean): string {
  const { KEY_ENCRYPTION_SECRET, JWT_SECRET = '' } = settings
  return KEY_ENCRYPTION_SECRET ?? (production ? JWT_SECRET : developmentSecret)
}

/** @throws OperatorError if hashing could take all threads of libuv's pool */
function chooseHashingConcurrency({ HASHING_CONCURRENCY, UV_THREADPOOL_SIZE }: Settings): number {
  const maximum = UV_THREADPOOL_SIZE - reservedThreads
  if (HASHING_CONCURRENCY > maximum)
    throw new OperatorError(
      `HASHING_CONCURRENCY must be at most ${maximum}: UV_THREADPOOL_SIZE is ${UV_THREADPOOL_SIZE}, and ${reservedThreads} threads are kept for files and DNS`,
    )
  return HASHING_CONCURRENCY || Math.min(availableParallelism(), maximum)
}
