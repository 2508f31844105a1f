import { type Static, Type } from 'typebox'
import { Default, Errors } from 'typebox/value'
import { StartupError } from './startup-error.js'

/** Every setting under the name of its environment variable: type, bounds and default. The README says what each does. */
export const Settings = Type.Object({
  NODE_ENV: Type.Enum(['development', 'production', 'test'], { default: 'development' }),
  HOST: Type.String({ minLength: 1, maxLength: 255, default: '127.0.0.1' }),
  PORT: Type.Integer({ minimum: 0, maximum: 65_535, default: 8000 }),
  LOG_LEVEL: Type.Enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], { default: 'info' }),
  DATABASE_URL: Type.Optional(Type.String({ pattern: '^postgres(ql)?://.', maxLength: 2048 })),
  DATABASE_POOL_SIZE: Type.Integer({ minimum: 1, maximum: 1000, default: 10 }),
  DATA_DIRECTORY: Type.String({ minLength: 1, maxLength: 4096, default: '.data' }),
  JWT_SECRET: Type.Optional(Type.String({ minLength: 32, maxLength: 1024 })),
  ACCESS_TOKEN_EXPIRE_MINUTES: Type.Integer({ minimum: 1, maximum: 525_600, default: 30 }),
  BCRYPT_COST: Type.Integer({ minimum: 4, maximum: 20, default: 12 }),
})

/** A variable whose name begins like this is meant for us, so one that is no setting is a mistake. */
const ourPrefixes = /^(LATCHKEY|JWT|ACCESS_TOKEN|BCRYPT|DATABASE_POOL|DATA_DIR)/
/** What Kubernetes sets for a service that is called latchkey. */
const setByKubernetes = /^LATCHKEY_(SERVICE_(HOST|PORT.*)|PORT.*)$/

/** The service's settings, parsed, checked and frozen. */
export type Config = Readonly<{
  production: boolean
  host: string
  port: number
  logLevel: string
  databaseUrl: string | undefined
  databasePoolSize: number
  dataDirectory: string
  jwtSecret: string | undefined
  accessTokenTtlSeconds: number
  bcryptCost: number
}>

/**
 * Reads the configuration from environment variables; an empty one counts as not set.
 *
 * @throws StartupError naming the setting that is unknown or wrong, never its value
 */
export function loadConfig(environment: NodeJS.ProcessEnv): Config {
  refuseUnknownSettings(environment)
  const settings = parseSettings(environment)
  return Object.freeze({
    production: settings.NODE_ENV === 'production',
    host: settings.HOST,
    port: settings.PORT,
    logLevel: settings.LOG_LEVEL,
    databaseUrl: settings.DATABASE_URL,
    databasePoolSize: settings.DATABASE_POOL_SIZE,
    dataDirectory: settings.DATA_DIRECTORY,
    jwtSecret: settings.JWT_SECRET,
    accessTokenTtlSeconds: settings.ACCESS_TOKEN_EXPIRE_MINUTES * 60,
    bcryptCost: settings.BCRYPT_COST,
  })
}

function refuseUnknownSettings(environment: NodeJS.ProcessEnv): void {
  const unknown = Object.keys(environment).find(
    (name) => ourPrefixes.test(name) && !setByKubernetes.test(name) && !(name in Settings.properties),
  )
  if (unknown) throw new StartupError(`unknown setting ${unknown}; the README lists the settings there are`)
}

function parseSettings(environment: NodeJS.ProcessEnv): Static<typeof Settings> {
  const given = Object.entries(Settings.properties).flatMap(([name, schema]) => {
    const text = environment[name]
    return text ? [[name, 'type' in schema && schema.type === 'integer' ? toInteger(text) : text]] : []
  })
  const settings = Default(Settings, Object.fromEntries(given))
  const [error] = Errors(Settings, settings)
  if (error) throw new StartupError(`${error.instancePath.slice(1)} ${error.message}`)
  return settings as Static<typeof Settings>
}

/** The number that plain digits write; any other text stays as it is, for the schema to refuse. */
function toInteger(text: string): number | string {
  return /^\d+$/.test(text) ? Number(text) : text
}
