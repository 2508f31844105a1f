import ipaddr from 'ipaddr.js'
import { parse as parseConnectionString } from 'pg-connection-string'
import type { Config } from './index.js'

/** A setting that production must not run with, and why. Never its value. */
export interface UnsafeSetting {
  setting: string
  problem: string
}

/** Encrypts the keys in development. It is published, so production has no default. */
export const developmentSecret = 'latchkey development secret: published, so it keeps nothing secret'

/** What others have published: the tutorial's SECRET_KEY, our development secret, the values of .env.example. */
export const publishedSecrets = [
  '09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7',
  developmentSecret,
  'replace-me-by-what-openssl-rand-prints',
]

/** The tutorial's users, each with the password that everybody can read there. */
export const tutorialPasswords: ReadonlyMap<string, string> = new Map([
  ['johndoe', 'secret'],
  ['alice', 'secret2'],
])
const defaultPasswords = ['postgres', 'latchkey', 'password', 'secret', 'admin', 'root', 'replace-me', 'test']
const leastBcryptCost = 10
/** A random secret has more; one that somebody typed may have fewer. */
const leastDistinctCharacters = 10

/** Returns what is wrong with a configuration for production. @param environment what it was read from */
export function findUnsafeSettings(
  config: Config,
  { ISSUER, PGPASSWORD }: NodeJS.ProcessEnv,
): UnsafeSetting[] {
  const { jwtSecret, keyEncryptionSecret, issuer, databaseUrl, bcryptCost } = config
  const { databaseDirectUrl, databaseReplicaUrl } = config
  const unsafe: UnsafeSetting[] = []
  const refuse = (setting: string, problem: string) => unsafe.push({ setting, problem })

  for (const [setting, secret] of [
    ['JWT_SECRET', jwtSecret],
    ['KEY_ENCRYPTION_SECRET', keyEncryptionSecret],
  ] as const) {
    if (secret !== undefined && publishedSecrets.includes(secret)) refuse(setting, 'is published')
    else if (secret !== undefined && new Set(secret).size < leastDistinctCharacters)
      refuse(setting, 'can be guessed: openssl rand -base64 32 makes one that cannot')
  }
  if (!ISSUER) refuse('ISSUER', 'is required: mailed links and tokens name it')
  else if (!isHttps(issuer)) refuse('ISSUER', 'must begin with https://, unless it is localhost')
  if (databaseUrl === undefined)
    refuse('DATABASE_URL', 'is required: the embedded PostgreSQL is for trying out')
  for (const [setting, url] of [
    ['DATABASE_URL', databaseUrl],
    ['DATABASE_DIRECT_URL', databaseDirectUrl],
    ['DATABASE_REPLICA_URL', databaseReplicaUrl],
  ] as const)
    if (url && defaultPasswords.includes(parseConnectionString(url).password || (PGPASSWORD ?? '')))
      refuse(setting, 'has a default password')
  if (bcryptCost < leastBcryptCost) refuse('BCRYPT_COST', `must be at least ${leastBcryptCost}`)
  return unsafe
}

/** Returns what an operator should know of a configuration at the start, a line each. */
export function startNotices({ production, mail, host }: Config): string[] {
  if (production)
    return mail === 'off' ? ['mail is off, as there is no SMTP_URL: nobody can reset a password'] : []
  const reach = isLoopback(host) ? '' : ', and other machines can reach it'
  return [`in development: keys are encrypted under a published secret, passwords are published${reach}`]
}

/** Whether a host, as HOST or a URL has it, can be reached from this machine alone. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase().replace(/^\[|\]$/g, '')
  if (ipaddr.isValid(name)) return ipaddr.process(name).range() === 'loopback'
  return name === 'localhost' || name.endsWith('.localhost')
}

function isHttps(issuer: string): boolean {
  const { protocol, hostname } = new URL(issuer)
  return protocol === 'https:' || isLoopback(hostname)
}
