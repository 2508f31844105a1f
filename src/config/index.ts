import { isIP } from 'node:net'
import { availableParallelism } from 'node:os'
import ipaddr from 'ipaddr.js'
import { parse as parseConnectionString } from 'pg-connection-string'
import { type Static, Type } from 'typebox'
import { Default, Errors } from 'typebox/value'
import { schemaOf } from '../database/url.js'
import { OperatorError } from '../lifecycle/operator-error.js'
import { developmentSecret, findUnsafeSettings, isLoopback } from './production.js'

/** Threads of libuv's pool that hashing leaves to files and DNS. */
const threadsKept = 2

/** Every setting under the name of its environment variable: type, bounds and default. The README says what each does. */
export const Settings = Type.Object({
  NODE_ENV: Type.Optional(Type.Enum(['development', 'production', 'test'])),
  HOST: Type.String({ minLength: 1, maxLength: 255, default: '127.0.0.1' }),
  PORT: Type.Integer({ minimum: 0, maximum: 65_535, default: 8000 }),
  LOG_LEVEL: Type.Enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], { default: 'info' }),
  DATABASE_URL: Type.Optional(Type.String({ pattern: '^postgres(ql)?://.', maxLength: 2048 })),
  DATABASE_DIRECT_URL: Type.Optional(Type.String({ pattern: '^postgres(ql)?://.', maxLength: 2048 })),
  DATABASE_REPLICA_URL: Type.Optional(Type.String({ pattern: '^postgres(ql)?://.', maxLength: 2048 })),
  DATABASE_REPLICA_MAX_LAG_SECONDS: Type.Integer({ minimum: 1, maximum: 3600, default: 10 }),
  DATABASE_POOL_SIZE: Type.Integer({ minimum: 1, maximum: 1000, default: 10 }),
  DATABASE_TIMEOUT_SECONDS: Type.Integer({ minimum: 2, maximum: 3600, default: 10 }),
  DATA_DIRECTORY: Type.String({ minLength: 1, maxLength: 4096, default: '.data' }),
  ISSUER: Type.Optional(Type.String({ pattern: '^https?://[A-Za-z0-9.:[\\]-]+$', maxLength: 255 })),
  AUDIENCE: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })),
  JWT_SECRET: Type.Optional(Type.String({ minLength: 32, maxLength: 1024 })),
  SIGNING_ALGORITHM: Type.Enum(['ES256', 'RS256'], { default: 'ES256' }),
  KEY_ENCRYPTION_SECRET: Type.Optional(Type.String({ minLength: 32, maxLength: 1024 })),
  KEY_ENCRYPTION_SECRET_PREVIOUS: Type.Optional(Type.String({ minLength: 32, maxLength: 1024 })),
  KEY_ROTATION_DAYS: Type.Integer({ minimum: 1, maximum: 3650, default: 30 }),
  JWKS_MAX_AGE_SECONDS: Type.Integer({ minimum: 1, maximum: 86_400, default: 300 }),
  ALLOWED_GRANTS: Type.String({
    pattern: '^(password|refresh_token|client_credentials)( (password|refresh_token|client_credentials))*$',
    default: 'password refresh_token client_credentials',
  }),
  ACCESS_TOKEN_EXPIRE_MINUTES: Type.Integer({ minimum: 1, maximum: 525_600, default: 30 }),
  REFRESH_TOKEN_IDLE_MINUTES: Type.Integer({ minimum: 1, maximum: 5_256_000, default: 20_160 }),
  REFRESH_TOKEN_EXPIRE_MINUTES: Type.Integer({ minimum: 1, maximum: 5_256_000, default: 129_600 }),
  REFRESH_TOKEN_GRACE_SECONDS: Type.Integer({ minimum: 0, maximum: 60, default: 10 }),
  REQUIRE_IF_MATCH: Type.Enum(['true', 'false'], { default: 'false' }),
  REGISTRATION: Type.Optional(Type.Enum(['open', 'invitation', 'closed'])),
  SMTP_URL: Type.Optional(Type.String({ pattern: '^smtps?://.', maxLength: 2048 })),
  MAIL_FROM: Type.Optional(Type.String({ pattern: '^[^\\r\\n]+$', maxLength: 320 })),
  TRUST_PROXY: Type.Optional(Type.String({ maxLength: 4096 })),
  CORS_ORIGINS: Type.Optional(
    Type.String({ pattern: '^https?://[^\\s/]+( https?://[^\\s/]+)*$', maxLength: 4096 }),
  ),
  IMPORT_MAX_LINES: Type.Integer({ minimum: 1, maximum: 100_000, default: 10_000 }),
  MAX_CONNECTIONS: Type.Integer({ minimum: 1, maximum: 1_000_000, default: 10_000 }),
  DRAIN_SECONDS: Type.Optional(Type.Integer({ minimum: 0, maximum: 300 })),
  HASHING_CONCURRENCY: Type.Integer({ minimum: 0, maximum: 1024, default: 0 }),
  UV_THREADPOOL_SIZE: Type.Integer({ minimum: 1 + threadsKept, maximum: 1024, default: 4 }),
  GUESSES_PER_ACCOUNT_AND_NETWORK: Type.Integer({ minimum: 1, maximum: 1_000_000, default: 30 }),
  GUESSES_PER_NETWORK: Type.Integer({ minimum: 1, maximum: 1_000_000, default: 1_000 }),
  GUESSES_PER_ACCOUNT: Type.Integer({ minimum: 1, maximum: 1_000_000, default: 100 }),
  EVENT_RETENTION_DAYS: Type.Integer({ minimum: 1, maximum: 3650, default: 90 }),
  BCRYPT_COST: Type.Integer({ minimum: 4, maximum: 20, default: 12 }),
})

/** A variable whose name begins like this is meant for us, so one that is no setting is a mistake. */
const ourPrefixes =
  /^(LATCHKEY|JWT|JWKS|ACCESS_TOKEN|REFRESH_TOKEN|KEY_ENCRYPTION|KEY_ROTATION|SIGNING_ALG|ALLOWED_GRANTS|BCRYPT|REQUIRE_IF|REGISTRATION|EVENT_|SMTP_|MAIL_|TRUST_PROXY|CORS_|MAX_CONN|IMPORT_|DRAIN_|HASHING_|GUESSES_|DATABASE_(DIRECT|REPLICA|POOL|TIMEOUT)|DATA_DIR)/
/** The variables that Kubernetes sets for every service of a namespace, whatever the service is called. */
const serviceLink =
  /_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$/
const secretRequired = 'KEY_ENCRYPTION_SECRET is required in production: openssl rand -base64 32 makes one'
/** An origin as browsers send it: no path, no user, no default port; a host in ASCII, lower case, without wildcards. */
const browserOrigin = /^https?:\/\/([a-z0-9._-]+|\[[0-9a-f:.]+\])(:\d+)?$/

/** The service's settings, parsed, checked and frozen. */
export type Config = Readonly<{
  /** Whether the rules of production apply: what they call unsafe keeps the service from starting. */
  production: boolean
  host: string
  port: number
  logLevel: string
  databaseUrl: string | undefined
  /** PostgreSQL itself, where the URL leads to a pooler. */
  databaseDirectUrl: string | undefined
  /** A streaming replica, for reads of items. */
  databaseReplicaUrl: string | undefined
  /** How far the replica may be behind; while it is further, the primary is read. */
  databaseReplicaMaxLagSeconds: number
  databasePoolSize: number
  /** How long a statement may take. */
  databaseTimeoutSeconds: number
  dataDirectory: string
  /** The `iss` of the tokens, and the origin of every address in the metadata. */
  issuer: string
  audience: string
  /** With one, tokens are signed by this shared secret; without, by the key ring. */
  jwtSecret: string | undefined
  signingAlgorithm: 'ES256' | 'RS256'
  keyEncryptionSecret: string
  keyEncryptionSecretPrevious: string | undefined
  keyRotationSeconds: number
  jwksMaxAgeSeconds: number
  allowedGrants: readonly string[]
  accessTokenTtlSeconds: number
  refreshTokenIdleSeconds: number
  refreshTokenTtlSeconds: number
  refreshTokenGraceSeconds: number
  /** Whether a change of an item needs a condition. */
  requireIfMatch: boolean
  /** Who may register. */
  registration: 'open' | 'invitation' | 'closed'
  /** The mail server; undefined unless mails go there. */
  smtpUrl: string | undefined
  /** Where mails go. Without a mail server production sends none: in files, their links would be for anybody to find. */
  mail: 'smtp' | 'files' | 'off'
  mailFrom: string
  /** Addresses and networks (CIDR) of the proxies whose word on a client's address counts. */
  trustProxy: readonly string[]
  corsOrigins: readonly string[]
  /** Maximum number of lines of an import of items. */
  importMaxLines: number
  maxConnections: number
  /** How long the service goes on after it has said that it ends. */
  drainSeconds: number
  /** How many passwords are hashed at once: by default one for each processor, as far as libuv's pool has the threads. */
  hashingConcurrency: number
  /** How many wrong passwords are free. */
  loginFailureBudgets: Readonly<{ perPair: number; perNetwork: number; perAccount: number }>
  eventRetentionSeconds: number
  bcryptCost: number
}>

/**
 * Reads the configuration from environment variables; an empty one counts as not set.
 *
 * @throws OperatorError naming the setting that is unknown, wrong or not safe in production, never its value
 */
export function loadConfig(environment: NodeJS.ProcessEnv): Config {
  const config = readConfig(environment)
  const [unsafe] = config.production ? findUnsafeSettings(config, environment) : []
  if (unsafe)
    throw new OperatorError(`${unsafe.setting} ${unsafe.problem} (${whyProduction(environment.NODE_ENV)})`)
  return config
}

/** The configuration as it is, safe or not. @throws OperatorError naming the setting that is unknown or wrong */
export function readConfig(environment: NodeJS.ProcessEnv): Config {
  refuseUnknownSettings(environment)
  const settings = parseSettings(environment)
  requireUsableUrls(settings)
  requirePrimary(settings)
  const production = isProduction(settings)
  const issuer = settings.ISSUER ?? `http://localhost:${settings.PORT || 8000}`
  return Object.freeze({
    production,
    host: settings.HOST,
    port: settings.PORT,
    logLevel: settings.LOG_LEVEL,
    databaseUrl: settings.DATABASE_URL,
    databaseDirectUrl: settings.DATABASE_DIRECT_URL,
    databaseReplicaUrl: settings.DATABASE_REPLICA_URL,
    databaseReplicaMaxLagSeconds: settings.DATABASE_REPLICA_MAX_LAG_SECONDS,
    databasePoolSize: settings.DATABASE_POOL_SIZE,
    databaseTimeoutSeconds: settings.DATABASE_TIMEOUT_SECONDS,
    dataDirectory: settings.DATA_DIRECTORY,
    issuer,
    audience: settings.AUDIENCE ?? issuer,
    jwtSecret: settings.JWT_SECRET,
    signingAlgorithm: settings.SIGNING_ALGORITHM,
    keyEncryptionSecret: chooseKeyEncryptionSecret(settings, production),
    keyEncryptionSecretPrevious: settings.KEY_ENCRYPTION_SECRET_PREVIOUS,
    keyRotationSeconds: settings.KEY_ROTATION_DAYS * 86_400,
    jwksMaxAgeSeconds: settings.JWKS_MAX_AGE_SECONDS,
    allowedGrants: Object.freeze(settings.ALLOWED_GRANTS.split(' ')),
    accessTokenTtlSeconds: settings.ACCESS_TOKEN_EXPIRE_MINUTES * 60,
    refreshTokenIdleSeconds: settings.REFRESH_TOKEN_IDLE_MINUTES * 60,
    refreshTokenTtlSeconds: settings.REFRESH_TOKEN_EXPIRE_MINUTES * 60,
    refreshTokenGraceSeconds: settings.REFRESH_TOKEN_GRACE_SECONDS,
    requireIfMatch: settings.REQUIRE_IF_MATCH === 'true',
    registration: settings.REGISTRATION ?? (production ? 'closed' : 'open'),
    smtpUrl: settings.SMTP_URL,
    mail: settings.SMTP_URL ? 'smtp' : production ? 'off' : 'files',
    mailFrom: settings.MAIL_FROM ?? `no-reply@${new URL(issuer).hostname}`,
    trustProxy: readNetworks(settings.TRUST_PROXY),
    corsOrigins: readOrigins(settings.CORS_ORIGINS),
    importMaxLines: settings.IMPORT_MAX_LINES,
    maxConnections: settings.MAX_CONNECTIONS,
    drainSeconds: settings.DRAIN_SECONDS ?? (production ? 5 : 0),
    hashingConcurrency: chooseHashingConcurrency(settings),
    loginFailureBudgets: Object.freeze({
      perPair: settings.GUESSES_PER_ACCOUNT_AND_NETWORK,
      perNetwork: settings.GUESSES_PER_NETWORK,
      perAccount: settings.GUESSES_PER_ACCOUNT,
    }),
    eventRetentionSeconds: settings.EVENT_RETENTION_DAYS * 86_400,
    bcryptCost: settings.BCRYPT_COST,
  })
}

function refuseUnknownSettings(environment: NodeJS.ProcessEnv): void {
  const unknown = Object.keys(environment).find(
    (name) => ourPrefixes.test(name) && !(name in Settings.properties) && !serviceLink.test(name),
  )
  if (unknown) throw new OperatorError(`unknown setting ${unknown}; the README lists the settings there are`)
}

function parseSettings(environment: NodeJS.ProcessEnv): Static<typeof Settings> {
  const given = Object.entries(Settings.properties).flatMap(([name, schema]) => {
    const text = environment[name]
    return text ? [[name, 'type' in schema && schema.type === 'integer' ? toInteger(text) : text]] : []
  })
  const settings = Default(Settings, Object.fromEntries(given))
  const [error] = Errors(Settings, settings)
  if (error) throw new OperatorError(`${error.instancePath.slice(1)} ${describe(error)}`)
  return settings as Static<typeof Settings>
}

/**
 * Whether the rules of production apply. Development is what has the embedded database, or is for this machine alone:
 * it listens on loopback, and its issuer is localhost. Anything else is development only where NODE_ENV says so.
 */
function isProduction({ NODE_ENV, DATABASE_URL, HOST, ISSUER }: Static<typeof Settings>): boolean {
  if (NODE_ENV === 'production' || NODE_ENV === 'development') return NODE_ENV === 'production'
  const isLocal = isLoopback(HOST) && (ISSUER === undefined || isLoopback(new URL(ISSUER).hostname))
  return DATABASE_URL !== undefined && !isLocal
}

function whyProduction(nodeEnv: string | undefined): string {
  return nodeEnv === 'production'
    ? 'NODE_ENV is production'
    : 'the rules of production apply to an external database, unless HOST and ISSUER are local or NODE_ENV=development'
}

function describe({ keyword, params, message }: ReturnType<typeof Errors>[number]): string {
  return keyword === 'enum' ? `must be one of: ${params.allowedValues.join(', ')}` : message
}

/** @throws OperatorError where there is a second way to a database and no first, or they lead to different schemas */
function requirePrimary(settings: Static<typeof Settings>): void {
  const { DATABASE_URL: first } = settings
  for (const name of ['DATABASE_DIRECT_URL', 'DATABASE_REPLICA_URL'] as const) {
    const second = settings[name]
    if (second && !first) throw new OperatorError(`${name} needs a DATABASE_URL`)
    if (second && first && schemaOf(second) !== schemaOf(first))
      throw new OperatorError(`${name} must name the same schema as DATABASE_URL`)
  }
}

/** @throws OperatorError for a URL that what it is for could not use */
function requireUsableUrls(settings: Static<typeof Settings>): void {
  for (const name of ['DATABASE_URL', 'DATABASE_DIRECT_URL', 'DATABASE_REPLICA_URL'] as const)
    if (settings[name] && !isConnectionString(settings[name]))
      throw new OperatorError(
        `${name} is malformed, or names a certificate that cannot be read; special characters must be percent-encoded`,
      )
  for (const name of ['DATABASE_URL', 'DATABASE_DIRECT_URL', 'DATABASE_REPLICA_URL'] as const)
    if (settings[name] && !schemaSyntax.test(schemaOf(settings[name])))
      throw new OperatorError(
        `${name} names a schema that is empty, too long, or has quotes or control characters`,
      )
  for (const name of ['ISSUER', 'SMTP_URL'] as const)
    if (settings[name] && !URL.canParse(settings[name]))
      throw new OperatorError(`${name} is not a URL; special characters must be percent-encoded`)
}

/** PostgreSQL's longest name, without quotes and what does not show. Statements and settings name the schema in quotes. */
const schemaSyntax = /^[^"'\\\p{C}]{1,63}$/u

/** Whether PostgreSQL's driver can read it. */
function isConnectionString(url: string): boolean {
  try {
    const { port } = parseConnectionString(url)
    return !port || /^\d{1,5}$/.test(port)
  } catch {
    return false
  }
}

/** @throws OperatorError when one of them can match no `Origin` that a browser sends */
function readOrigins(list: string | undefined): readonly string[] {
  const origins = list?.split(' ') ?? []
  if (!origins.every((one) => browserOrigin.test(one) && URL.canParse(one) && new URL(one).origin === one))
    throw new OperatorError(
      'CORS_ORIGINS must be origins as browsers send them: lower case, in ASCII, without wildcard, default port and path',
    )
  return Object.freeze(origins)
}

/** @throws OperatorError when one of them is neither an address nor a network */
function readNetworks(list = ''): readonly string[] {
  const networks = list.split(/[\s,]+/).filter(Boolean)
  if (!networks.every((one) => isIP(one.replace(/\/.*/, '')) && (isIP(one) || ipaddr.isValidCIDR(one))))
    throw new OperatorError('TRUST_PROXY must be addresses or networks, such as 10.0.0.0/8')
  return Object.freeze(networks)
}

/** Where tokens are signed by a shared secret no key but that of the keyed hashes is encrypted: it will do for that. */
function chooseKeyEncryptionSecret(settings: Static<typeof Settings>, production: boolean): string {
  const { NODE_ENV, KEY_ENCRYPTION_SECRET, JWT_SECRET } = settings
  if (KEY_ENCRYPTION_SECRET) return KEY_ENCRYPTION_SECRET
  if (!production) return developmentSecret
  if (JWT_SECRET) return JWT_SECRET
  throw new OperatorError(`${secretRequired} (${whyProduction(NODE_ENV)})`)
}

/** @throws OperatorError when hashing would take all threads of libuv's pool */
function chooseHashingConcurrency({
  HASHING_CONCURRENCY,
  UV_THREADPOOL_SIZE,
}: Static<typeof Settings>): number {
  const most = UV_THREADPOOL_SIZE - threadsKept
  if (HASHING_CONCURRENCY > most)
    throw new OperatorError(
      `HASHING_CONCURRENCY must be at most ${most}: UV_THREADPOOL_SIZE is ${UV_THREADPOOL_SIZE}, and ${threadsKept} threads are kept for files and DNS`,
    )
  return HASHING_CONCURRENCY || Math.min(availableParallelism(), most)
}

/** The number that plain digits write; any other text stays as it is, for the schema to refuse. */
function toInteger(text: string): number | string {
  return /^\d+$/.test(text) ? Number(text) : text
}
