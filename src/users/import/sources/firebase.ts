import { OperatorError } from '../../../lifecycle/operator-error.js'
import { type AccountRow, RowProblem, textOf } from '../account.js'

/** Password hash parameters of a Firebase project. */
export interface FirebaseHashConfig {
  signerKey: string
  saltSeparator: string
  rounds: string
  memCost: string
}

/** Reads the parameters as the Firebase console shows them. @throws OperatorError */
export function parseHashConfig(text: string): FirebaseHashConfig {
  function read(name: string): string {
    const [, value] = new RegExp(`\\b${name}: *([\\w+/=-]+)`).exec(text) ?? []
    if (value === undefined) throw new OperatorError(`the password hash parameters of Firebase lack ${name}`)
    return value
  }
  return {
    signerKey: read('base64_signer_key'),
    saltSeparator: read('base64_salt_separator'),
    rounds: read('rounds'),
    memCost: read('mem_cost'),
  }
}

/**
 * Translates a user of `firebase auth:export`. Users log in with their address, which becomes their username.
 *
 * @param config null if it was not given
 */
export function fromFirebase(user: Record<string, unknown>, config: FirebaseHashConfig | null): AccountRow {
  if (!user.email) throw new RowProblem('the user has no email, which becomes the username')
  return {
    username: user.email,
    email: user.email,
    email_verified: user.emailVerified,
    full_name: user.displayName,
    disabled: user.disabled,
    hashed_password: user.passwordHash ? formatHash(user, config) : null,
  }
}

/** Returns a hash in the format in which Supabase stores those of Firebase. */
function formatHash(user: Record<string, unknown>, config: FirebaseHashConfig | null): string {
  if (!config) throw new RowProblem('the password hash requires --firebase-hash-config')
  const { signerKey, saltSeparator, rounds, memCost } = config
  const [salt, hash] = [user.salt, user.passwordHash].map(toStandardBase64)
  return `$fbscrypt$v=1,n=${memCost},r=${rounds},p=1,ss=${saltSeparator},sk=${signerKey}$${salt}$${hash}`
}

function toStandardBase64(text: unknown): string {
  return String(textOf(text)).replaceAll('-', '+').replaceAll('_', '/')
}
