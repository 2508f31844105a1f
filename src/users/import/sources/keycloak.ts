import { parseJson } from '../../../http/json/parser.js'
import { type AccountRow, RowProblem, textOf } from '../account.js'

/** A credential, whose data are JSON in a text. */
interface Credential {
  type?: unknown
  secretData?: unknown
  credentialData?: unknown
}

/** Algorithms with these names are PBKDF2, with SHA-1 where no digest is named. */
const pbkdf2 = ['pbkdf2', 'pbkdf2-sha256', 'pbkdf2-sha512']

/** Translates a user of a realm export. */
export function fromKeycloak(user: Record<string, unknown>): AccountRow {
  if (user.serviceAccountClientId) throw new RowProblem('the user is the service account of a client')
  const requiredActions = Array.isArray(user.requiredActions) ? user.requiredActions : []
  const fullName = [user.firstName, user.lastName].flatMap((name) => textOf(name) || []).join(' ')
  return {
    username: user.username,
    email: user.email,
    email_verified: user.emailVerified,
    full_name: fullName,
    disabled: user.enabled === undefined ? undefined : !user.enabled,
    password_change_required: requiredActions.includes('UPDATE_PASSWORD'),
    hashed_password: readHash(user.credentials ?? []),
  }
}

/** Returns the hash of the password in a format that can be verified, or null if there is none. */
function readHash(credentials: unknown): string | null {
  if (!Array.isArray(credentials)) throw new RowProblem('credentials must be a list')
  const credential = (credentials as (Credential | null)[]).find(
    (candidate) => candidate?.type === 'password',
  )
  if (!credential) return null
  const { algorithm, hashIterations, additionalParameters } = parseData(credential.credentialData)
  const { value, salt } = parseData(credential.secretData)
  const iterations = textOf(hashIterations)
  const ending = `$${withoutPadding(salt)}$${withoutPadding(value)}`
  if (algorithm === 'bcrypt') return String(textOf(value))
  if (algorithm === 'argon2') return `${argon2Beginning(additionalParameters, iterations)}${ending}`
  if (pbkdf2.includes(String(algorithm))) return `$${algorithm}$${iterations}${ending}`
  throw new RowProblem('the password was hashed with an unknown algorithm')
}

/** @param parameters lists of one text each, by their names */
function argon2Beginning(parameters: unknown, iterations: string | undefined): string {
  const lists = (parameters ?? {}) as Record<string, unknown[] | null>
  const parameter = (name: string) => textOf(lists[name]?.[0])
  const version = parameter('version') === '1.0' ? 16 : 19
  return `$argon2${parameter('type')}$v=${version}$m=${parameter('memory')},t=${iterations},p=${parameter('parallelism')}`
}

function withoutPadding(base64: unknown): string {
  return String(textOf(base64)).replaceAll('=', '')
}

function parseData(text: unknown): Record<string, unknown> {
  try {
    const data = parseJson(Buffer.from(String(text)))
    if (typeof data === 'object' && data !== null) return data as Record<string, unknown>
  } catch {
    // Reported below, like JSON that is not an object.
  }
  throw new RowProblem('the password credential is not valid JSON')
}
