import { readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import t from 'tap'
import { loadConfig } from '../../src/config/index.js'
import { OperatorError } from '../../src/lifecycle/operator-error.js'

function refusalOf(environment: NodeJS.ProcessEnv): Error | null {
  try {
    loadConfig(environment)
    return null
  } catch (error) {
    return error as Error
  }
}

t.test('an empty environment results in the defaults, frozen', async (t) => {
  const config = loadConfig({ JWT_SECRET: '', PATH: '/bin' })
  t.same(config, {
    production: false,
    host: '127.0.0.1',
    port: 8000,
    logLevel: 'info',
    logFormat: 'json',
    serviceName: 'latchkey',
    tracing: null,
    metricsHost: '127.0.0.1',
    metricsPort: undefined,
    metricsClients: 0,
    databaseUrl: undefined,
    databaseDirectUrl: undefined,
    databaseReplicaUrl: undefined,
    databaseReplicaMaxLagSeconds: 10,
    databasePoolSize: 10,
    databaseTimeoutSeconds: 10,
    dataDirectory: '.data',
    issuer: 'http://localhost:8000',
    audience: 'http://localhost:8000',
    jwtSecret: undefined,
    signingAlgorithm: 'ES256',
    keyEncryptionSecret: 'latchkey development secret: published, so it keeps nothing secret',
    keyEncryptionSecretPrevious: undefined,
    keyRotationSeconds: 30 * 86_400,
    jwksMaxAgeSeconds: 300,
    statusLists: true,
    allowedGrants: ['password', 'refresh_token', 'client_credentials'],
    accessTokenTtlSeconds: 1800,
    refreshTokenIdleSeconds: 14 * 86_400,
    refreshTokenTtlSeconds: 90 * 86_400,
    refreshTokenGraceSeconds: 10,
    requireIfMatch: false,
    registration: 'open',
    smtpUrl: undefined,
    mail: 'files',
    mailFrom: 'no-reply@localhost',
    trustProxy: [],
    corsOrigins: [],
    webhookInternalHosts: [],
    importMaxLines: 10_000,
    maxConnections: 10_000,
    documentation: true,
    keepAliveMs: 65_000,
    drainSeconds: 0,
    hashingConcurrency: Math.min(availableParallelism(), 2),
    lookupConcurrency: 1,
    loginFailureBudgets: { perPair: 30, perNetwork: 1_000, perAccount: 100 },
    eventRetentionSeconds: 90 * 86_400,
    bcryptCost: 12,
  })
  t.ok(Object.isFrozen(config))
})

t.test('all database URLs must name the same schema', (t) => {
  for (const name of ['DATABASE_DIRECT_URL', 'DATABASE_REPLICA_URL']) {
    const load = (parameters: string) =>
      loadConfig({
        NODE_ENV: 'development',
        DATABASE_URL: 'postgres://canary@host/x?schema=a',
        [name]: `postgres://canary@other/x${parameters}`,
      })
    t.throws(() => load(''), { message: `${name} must name the same schema as DATABASE_URL` })
    t.doesNotThrow(() => load('?sslmode=require&schema=a'))
  }
  t.end()
})

t.test('all settings that are unknown or invalid are named at once', async (t) => {
  const wrong = { PORT: 'canary', JWT_SECRTE: 'canary', JWT_X: 'canary', LOG_LEVEL: 'canary' }
  const problems = refusalOf(wrong)?.message.split('; ')
  for (const problem of [
    /^unknown setting JWT_SECRTE/,
    /^unknown setting JWT_X/,
    /^PORT must/,
    /^LOG_LEVEL must/,
  ])
    t.equal(problems?.filter((one) => problem.test(one)).length, 1, String(problem))
  t.notMatch(problems?.join(), 'canary')
  t.equal(problems?.length, 4)
})

t.test('invalid settings are refused by name, without their value', async (t) => {
  for (const [name, value] of [
    ['PORT', 'http'],
    ['TRUST_PROXY', 'canary'],
    ['TRUST_PROXY', '10.0.0.0/8, 10.0.0.0/33'],
    ['TRUST_PROXY', '2'],
    ['HASHING_CONCURRENCY', '3'],
    ['UV_THREADPOOL_SIZE', '2'],
    ['WEBHOOK_INTERNAL_HOSTS', 'https://canary.internal'],
    ['WEBHOOK_INTERNAL_HOSTS', 'Canary.internal'],
    ['WEBHOOK_INTERNAL_HOSTS', 'canary.internal:65536'],
    ['WEBHOOK_INTERNAL_HOSTS', 'canary.internal/path'],
    ['WEBHOOK_INTERNAL_HOSTS', 'user@canary.internal'],
    ['WEBHOOK_INTERNAL_HOSTS', '127.1'],
    ['CORS_ORIGINS', '*'],
    ['CORS_ORIGINS', 'https://canary.example.com/path'],
    ['CORS_ORIGINS', 'ftp://canary.example.com'],
    ['CORS_ORIGINS', 'https://canary.example.com\\'],
    ['CORS_ORIGINS', 'https://canary@example.com'],
    ['CORS_ORIGINS', 'https://canary.example.com?x'],
    ['CORS_ORIGINS', 'https://canary.example.com#x'],
    ['CORS_ORIGINS', 'https://*.canary.example.com'],
    ['CORS_ORIGINS', 'https://canary.example.com:65536'],
    ['LOGIN_FAILURES_PER_NETWORK', '0'],
    ['DRAIN_SECONDS', '-1'],
    ['PORT', '65536'],
    ['PORT', '80.5'],
    ['BCRYPT_COST', '3'],
    ['BCRYPT_COST', '99'],
    ['JWT_SECRET', 'short-canary'],
    ['DATABASE_URL', 'mysql://canary@localhost/x'],
    ['DATABASE_DIRECT_URL', 'postgres://canary@localhost/x'],
    ['DATABASE_REPLICA_URL', 'postgres://canary@localhost/x'],
    ['DATABASE_REPLICA_MAX_LAG_SECONDS', '0'],
    ['LOG_LEVEL', 'loud'],
    ['NODE_ENV', 'staging'],
    ['ACCESS_TOKEN_EXPIRE_MINUTES', '0'],
    ['ACCESS_TOKEN_EXPIRE_MINUTES', '1e400'],
    ['HOST', 'canary\nhost'],
    ['MAIL_FROM', 'canary\r\nBcc: all'],
    ['REQUIRE_IF_MATCH', 'canary'],
    ['DOCUMENTATION', 'off'],
    ['ISSUER', 'ftp://canary'],
    ['ISSUER', 'https://example.com/canary'],
    ['ISSUER', 'https://canary:example:com'],
    ['ISSUER', 'https://[canary'],
    ['SMTP_URL', 'smtp://canary:p#ss@localhost'],
    ['SMTP_URL', 'smtp://canary@localhost:65536'],
    ['KEY_ENCRYPTION_SECRET', 'short-canary'],
    ['SIGNING_ALGORITHM', 'HS256'],
    ['ALLOWED_GRANTS', 'password canary'],
    ['ALLOWED_GRANTS', 'password,canary'],
    ['JWKS_MAX_AGE_SECONDS', '0'],
    ['LOG_FORMAT', 'canary'],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'canary:4317'],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'http://user:canary@collector:4318'],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'http://collector:4318/?key=canary'],
    ['OTEL_EXPORTER_OTLP_PROTOCOL', 'grpc'],
    ['OTEL_EXPORTER_OTLP_HEADERS', 'canary'],
    ['OTEL_EXPORTER_OTLP_HEADERS', 'a b=canary'],
    ['OTEL_EXPORTER_OTLP_HEADERS', 'authorization=canary%0d%0ahost: x'],
    ['OTEL_EXPORTER_OTLP_HEADERS', 'authorization=canary%zz'],
    ['OTEL_EXPORTER_OTLP_HEADERS', 'authorization=canary%C3%A4'],
    ['OTEL_EXPORTER_OTLP_HEADERS', ' , '],
    ['OTEL_RESOURCE_ATTRIBUTES', 'a=canary,'.repeat(65)],
    ['OTEL_TRACES_SAMPLER', 'jaeger_remote'],
    ['OTEL_TRACES_SAMPLER_ARG', '1.5'],
    ['OTEL_TRACES_SAMPLER_ARG', '-0'],
    ['OTEL_SDK_DISABLED', 'canary'],
  ] as const) {
    const refusal = refusalOf({ [name]: value })
    t.ok(refusal instanceof OperatorError, `${name}=${value}`)
    t.match(refusal?.message, new RegExp(`\\b${name}\\b`))
    t.notMatch(refusal?.message, /canary|\n/)
  }
})

t.test('hashing leaves two threads to files and DNS', async (t) => {
  const hashing = (settings: Record<string, string>) => loadConfig(settings).hashingConcurrency
  t.equal(hashing({}), Math.min(availableParallelism(), 2))
  t.equal(hashing({ UV_THREADPOOL_SIZE: '3' }), 1)
  t.equal(hashing({ UV_THREADPOOL_SIZE: '1024' }), availableParallelism())
  t.equal(hashing({ UV_THREADPOOL_SIZE: '16', HASHING_CONCURRENCY: '14' }), 14)
  t.match(
    refusalOf({ UV_THREADPOOL_SIZE: '16', HASHING_CONCURRENCY: '15' })?.message,
    /HASHING_CONCURRENCY must be at most 14: UV_THREADPOOL_SIZE is 16/,
  )
})

t.test('looking up names leaves a thread to the database, also while all passwords are hashed', async (t) => {
  for (const [threads, hashing, lookups] of [
    ['3', '1', 1],
    ['4', '1', 1],
    ['4', '2', 1],
    ['16', '2', 7],
    ['16', '8', 7],
    ['16', '14', 1],
  ] as const) {
    const config = loadConfig({ UV_THREADPOOL_SIZE: threads, HASHING_CONCURRENCY: hashing })
    t.equal(config.lookupConcurrency, lookups, `${threads} threads, of which ${hashing} hash`)
  }
})

t.test('the issuer is where the service listens, unless it is set', (t) => {
  t.equal(loadConfig({ PORT: '9000' }).issuer, 'http://localhost:9000')
  t.equal(loadConfig({ PORT: '0' }).issuer, 'http://localhost:8000')
  const { issuer, audience } = loadConfig({ ISSUER: 'https://login.example.com', AUDIENCE: 'orders' })
  t.same([issuer, audience], ['https://login.example.com', 'orders'])
  t.end()
})

t.test('production requires the secret that encrypts keys, and falls back to the shared one', (t) => {
  const production = {
    NODE_ENV: 'production',
    ISSUER: 'https://latchkey.example.com',
    DATABASE_URL: 'postgres://latchkey@db/latchkey',
  }
  t.match(refusalOf(production)?.message, /^KEY_ENCRYPTION_SECRET is required: /)
  const own = 'a secret of more than thirty-two characters'
  const shared = 'the shared secret of more than thirty-two characters'
  t.equal(loadConfig({ ...production, JWT_SECRET: shared }).keyEncryptionSecret, shared)
  t.equal(
    loadConfig({ ...production, JWT_SECRET: shared, KEY_ENCRYPTION_SECRET: own }).keyEncryptionSecret,
    own,
  )
  t.end()
})

t.test('origins are kept as browsers send them', async (t) => {
  const origins =
    'https://app.example.com http://localhost:3000 https://xn--bcher-kva.example https://[::1]:8443 http://127.0.0.1'
  t.same(loadConfig({ CORS_ORIGINS: origins }).corsOrigins, origins.split(' '))
  for (const [written, sent] of [
    ['HTTPS://App.Example.COM', 'https://app.example.com'],
    ['https://app.example.com:443', 'https://app.example.com'],
    ['http://app.example.com:080', 'http://app.example.com'],
    ['http://app.example.com:443', 'http://app.example.com:443'],
    ['https://app.example.com/', 'https://app.example.com'],
    ['https://Bücher.example', 'https://xn--bcher-kva.example'],
    ['https://[::0001]', 'https://[::1]'],
    ['https://127.1', 'https://127.0.0.1'],
  ] as const)
    t.same(loadConfig({ CORS_ORIGINS: written }).corsOrigins, [sent], written)
})

t.test('the refusal of a value states which values are accepted', async (t) => {
  for (const [name, value, message] of [
    ['PORT', '65536', 'PORT must be an integer from 0 to 65535'],
    ['DRAIN_SECONDS', '1m', 'DRAIN_SECONDS must be an integer from 0 to 300 (seconds)'],
    ['REQUIRE_IF_MATCH', 'yes', 'REQUIRE_IF_MATCH must be one of: true, false'],
    ['SIGNING_ALGORITHM', 'HS256', 'SIGNING_ALGORITHM must be one of: ES256, RS256'],
    [
      'ALLOWED_GRANTS',
      'password implicit',
      'ALLOWED_GRANTS must be a list of: password, refresh_token, client_credentials',
    ],
    [
      'ALLOWED_GRANTS',
      ' , ',
      'ALLOWED_GRANTS must be a list of: password, refresh_token, client_credentials',
    ],
    ['TRUST_PROXY', '10.0.0.0/33', 'TRUST_PROXY must be a list of addresses or networks, such as 10.0.0.0/8'],
    [
      'JWT_SECRET',
      'short',
      'JWT_SECRET must be text of 32 to 1024 characters (openssl rand -base64 32 makes one)',
    ],
    ['JWT_SECRET', `${'x'.repeat(32)}\uFFFD`, 'JWT_SECRET is not valid UTF-8'],
    ['SMTP_URL', 'mail', 'SMTP_URL must be a URL that begins with smtps:// or smtp://'],
    ['SMTP_URL', 'smtp://:25', 'SMTP_URL is not a valid URL: check host and port'],
    ['SMTP_URL', 'smtp://a:b#@c', 'SMTP_URL has a #, which must be written %23'],
    [
      'SMTP_URL',
      'smtp://a:%zz@c',
      'SMTP_URL has a space or an invalid % sequence: special characters must be percent-encoded',
    ],
  ] as const)
    t.equal(refusalOf({ [name]: value })?.message, message)
})

t.test('entries of lists are separated by spaces or commas', async (t) => {
  for (const [name, field, entries] of [
    ['ALLOWED_GRANTS', 'allowedGrants', ['password', 'refresh_token']],
    ['TRUST_PROXY', 'trustProxy', ['10.0.0.0/8', '::1']],
    [
      'WEBHOOK_INTERNAL_HOSTS',
      'webhookInternalHosts',
      ['audit.internal:8080', '10.0.0.7', '[::1]:443', 'audit:80'],
    ],
    ['CORS_ORIGINS', 'corsOrigins', ['https://a.example.com', 'http://localhost:3000']],
  ] as const)
    for (const separator of [' ', ',', ', ', '  ', '\n'])
      t.strictSame(loadConfig({ [name]: ` ${entries.join(separator)},` })[field], entries)
})

t.test('traces are recorded where there is a collector', async (t) => {
  const collector = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:4318' }
  t.match(loadConfig(collector).tracing, {
    url: 'http://localhost:4318/v1/traces',
    protocol: 'http/protobuf',
    headers: {},
    sampler: 'parentbased_always_on',
    ratio: 1,
    resource: { 'service.name': 'latchkey' },
  })
  t.match(
    loadConfig({
      OTEL_EXPORTER_OTLP_ENDPOINT: 'https://otlp.example.com/base/',
      OTEL_EXPORTER_OTLP_HEADERS: 'Authorization=Basic%20YTpi%3D, x-tenant = a=b',
      OTEL_RESOURCE_ATTRIBUTES: 'service.name=ignored,host.name=a',
      OTEL_TRACES_SAMPLER_ARG: '0.25',
    }).tracing,
    {
      url: 'https://otlp.example.com/base/v1/traces',
      headers: { Authorization: 'Basic YTpi=', 'x-tenant': 'a=b' },
      ratio: 0.25,
      resource: { 'service.name': 'latchkey', 'host.name': 'a' },
    },
  )
  t.equal(loadConfig({ ...collector, OTEL_SDK_DISABLED: 'true' }).tracing, null)
})

t.test('only the entry of the process reads the environment', async (t) => {
  const readers = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.startsWith('database/generated/'))
    .filter((file) => readFileSync(`src/${file}`, 'utf8').includes('process.env'))
  for (const file of readers) t.match(file, /^(server|service)\.ts$/)
})
