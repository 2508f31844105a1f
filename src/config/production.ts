import type { Config } from './config.js'
import { isOnThisMachine, passwordOf } from './database-url.js'
import { noticeUnknownNames } from './names.js'
import type { Settings } from './settings/index.js'
import { placeholderSecret } from './settings/kinds.js'
import { isLoopback } from './urls.js'

/** A setting that production must not run with, and the reason. Never its value. */
export interface UnsafeSetting {
  setting: string
  problem: string
}

/** Secret that encrypts the keys in development. It is published, so production has no default. */
export const developmentSecret = 'latchkey development secret: published, so it keeps nothing secret'

const tutorialSecret = '09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7'

/** Secrets that everybody can read: the tutorial's SECRET_KEY, our development secret, the examples of our documents. */
export const publishedSecrets = [tutorialSecret, developmentSecret, placeholderSecret]

/** The tutorial's users, each with the password that everybody can read there. */
export const tutorialPasswords: ReadonlyMap<string, string> = new Map([
  ['johndoe', 'secret'],
  ['alice', 'secret2'],
])

const defaultPasswords = ['postgres', 'latchkey', 'password', 'secret', 'admin', 'root', 'replace-me', 'test']
const minBcryptCost = 10
/** A random secret has more; one that a person typed may have fewer. */
const minDistinctCharacters = 10

/**
 * Returns whether the rules of production apply, unless NODE_ENV says so itself. Development has the embedded database,
 * or is all on this machine: its database, the address that it listens on, and its issuer. The users in a database on
 * another machine may be real.
 */
export function isProduction({ NODE_ENV, DATABASE_URL, HOST, ISSUER }: Settings): boolean {
  if (NODE_ENV === 'production' || NODE_ENV === 'development') return NODE_ENV === 'production'
  const isLocal = isLoopback(HOST) && (ISSUER === undefined || isLoopback(new URL(ISSUER).hostname))
  return DATABASE_URL !== undefined && !(isLocal && isOnThisMachine(DATABASE_URL))
}

/** Returns why the rules of production apply, for an operator who did not expect them. */
export function whyProduction(nodeEnv: string | undefined): string {
  return nodeEnv === 'production'
    ? 'NODE_ENV is production'
    : 'the rules of production apply to an external database, unless DATABASE_URL, HOST and ISSUER are all local or NODE_ENV=development'
}

/** Returns what production must not run with. @param environment from which the configuration was read */
export function findUnsafeSettings(
  config: Pick<
    Config,
    | 'jwtSecret'
    | 'keyEncryptionSecret'
    | 'issuer'
    | 'databaseUrl'
    | 'databaseDirectUrl'
    | 'databaseReplicaUrl'
    | 'bcryptCost'
  >,
  { ISSUER, PGPASSWORD = '' }: NodeJS.ProcessEnv,
): UnsafeSetting[] {
  const unsafe: UnsafeSetting[] = []
  const refuse = (setting: string, problem: string) => unsafe.push({ setting, problem })

  if (config.keyEncryptionSecret === '')
    refuse('KEY_ENCRYPTION_SECRET', 'is required: openssl rand -base64 32 makes one')
  for (const [setting, secret] of [
    ['JWT_SECRET', config.jwtSecret],
    ['KEY_ENCRYPTION_SECRET', config.keyEncryptionSecret],
  ] as const) {
    if (!secret) continue
    if (publishedSecrets.includes(secret)) refuse(setting, 'is published')
    else if (new Set(secret).size < minDistinctCharacters)
      refuse(setting, 'can be guessed: openssl rand -base64 32 makes one that cannot')
  }

  if (!ISSUER) refuse('ISSUER', 'is required: mailed links and tokens name it')
  else if (!isHttps(config.issuer)) refuse('ISSUER', 'must begin with https://, unless it is localhost')

  if (config.databaseUrl === undefined)
    refuse('DATABASE_URL', 'is required: the embedded PostgreSQL is for trying out')
  for (const [setting, url] of [
    ['DATABASE_URL', config.databaseUrl],
    ['DATABASE_DIRECT_URL', config.databaseDirectUrl],
    ['DATABASE_REPLICA_URL', config.databaseReplicaUrl],
  ] as const)
    if (url && defaultPasswords.includes(passwordOf(url) || PGPASSWORD))
      refuse(setting, 'has a default password')

  if (config.bcryptCost < minBcryptCost) refuse('BCRYPT_COST', `must be at least ${minBcryptCost}`)
  return unsafe
}

/**
 * Returns what an operator should know of a configuration when the service starts, one line each.
 *
 * @param environment from which the configuration was read
 */
export function startNotices(
  {
    production,
    mail,
    host,
    keyEncryptionSecret,
  }: Pick<Config, 'production' | 'mail' | 'host' | 'keyEncryptionSecret'>,
  environment: NodeJS.ProcessEnv,
): string[] {
  const notices = noticeUnknownNames(environment)
  if (production && mail === 'off')
    notices.push('mail is off, since SMTP_URL is not set: nobody can reset a password')
  if (!production) {
    const reach = isLoopback(host) ? '' : ', and other machines can reach it'
    const published = publishedSecrets.includes(keyEncryptionSecret)
      ? 'keys are encrypted under a published secret, passwords are published'
      : 'passwords are published'
    notices.push(`in development: ${published}${reach}`)
  }
  return notices
}

function isHttps(issuer: string): boolean {
  const { protocol, hostname } = new URL(issuer)
  return protocol === 'https:' || isLoopback(hostname)
}
