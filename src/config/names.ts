import { OperatorError } from '../lifecycle/operator-error.js'
import { renamedSettings } from './settings/index.js'

/** Beginnings of names that belong to Latchkey: a variable with one of them that is no setting is a mistake. */
export const ownPrefixes = [
  'ACCESS_TOKEN',
  'ALLOWED_GRANTS',
  'BCRYPT',
  'CORS_',
  'DATABASE_DIRECT',
  'DATABASE_POOL',
  'DATABASE_REPLICA',
  'DATABASE_TIMEOUT',
  'DATA_DIR',
  'DRAIN_',
  'EVENT_',
  'HASHING_',
  'IMPORT_',
  'JWKS',
  'JWT',
  'KEY_ENCRYPTION',
  'KEY_ROTATION',
  'LATCHKEY',
  'LOGIN_FAILURES',
  'MAIL_',
  'MAX_CONN',
  'REFRESH_TOKEN',
  'REGISTRATION',
  'REQUIRE_IF',
  'SIGNING_ALG',
  'SMTP_',
  'TRUST_PROXY',
]

/** Variables that Kubernetes sets for every service of a namespace, whatever its name. */
const serviceLink =
  /_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$/

/** @throws OperatorError naming a variable that is not in `known`, although its name looks like a setting */
export function refuseUnknownNames(names: string[], known: ReadonlySet<string>): void {
  for (const name of names) {
    if (known.has(name)) continue
    const newName = Object.hasOwn(renamedSettings, name) && renamedSettings[name]
    if (newName) throw new OperatorError(`${name} was renamed: set ${newName} instead`)
    if (isOwn(name))
      throw new OperatorError(`unknown setting ${name}; docs/configuration.md lists all settings`)
  }
}

function isOwn(name: string): boolean {
  return ownPrefixes.some((prefix) => name.startsWith(prefix)) && !serviceLink.test(name)
}
