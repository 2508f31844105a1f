import { findForeign } from './foreign-names.js'
import { renamedSettings, type SettingName, Settings } from './settings/index.js'
import { findMisspelt, findSimilar } from './similar-names.js'

/** Beginnings of names that belong to Latchkey. An unknown variable with one of them is a mistake. */
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
  'GUESSES_PER',
  'HASHING_',
  'IMPORT_',
  'JWKS',
  'JWT',
  'KEY_ENCRYPTION',
  'KEY_ROTATION',
  'LATCHKEY',
  'LOGIN_FAILURE',
  'MAIL_',
  'MAX_CONN',
  'METRICS_',
  'REFRESH_TOKEN',
  'REGISTRATION',
  'REQUIRE_IF',
  'SIGNING_ALG',
  'SMTP_',
  'STATUS_LISTS',
  'TRUST_PROXY',
  'WEBHOOK_',
]

/** Settings whose names are so common that a similar variable may well belong to another program. */
export const commonNames: readonly SettingName[] = ['HOST', 'LOG_FORMAT', 'LOG_LEVEL', 'PORT']

/** Variables that Kubernetes sets for every service of a namespace, whatever its name. */
const serviceLink = /_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$/
/** Matches the value that Kubernetes gives to the variable of a service's port: an address instead of a number. */
const serviceAddress = /^(tcp|udp|sctp):\/\//

/** Maximum number of characters of a name that are printed. */
const maxPrinted = 60

const settingNames = Object.keys(Settings.properties) as SettingName[]

/** Names of the variables that are read: of all settings, and of the files that can hold the secret ones. */
const variables: ReadonlySet<string> = new Set(
  settingNames.flatMap((name) => (isSecret(name) ? [name, fileVariable(name)] : [name])),
)

/** A variable that looks like a setting and is not. */
interface UnknownName {
  /** Whether it prevents the start. Otherwise it may belong to another program. */
  stops: boolean
  problem: string
}

/** Returns the name of the variable that names the file with a secret. */
export function fileVariable(name: SettingName): string {
  return `${name}_FILE`
}

/** Returns what is wrong with each variable that looks like a setting and is not, and prevents the start. */
export function findRefusedNames(environment: NodeJS.ProcessEnv): string[] {
  return findUnknownNames(environment)
    .filter(({ stops }) => stops)
    .map(({ problem }) => problem)
}

/** Returns a line for each variable that may have been meant as a setting, and does not prevent the start. */
export function noticeUnknownNames(environment: NodeJS.ProcessEnv): string[] {
  return findUnknownNames(environment)
    .filter(({ stops }) => !stops)
    .map(({ problem }) => problem)
}

function findUnknownNames(environment: NodeJS.ProcessEnv): UnknownName[] {
  const isSet = (setting: SettingName) => Boolean(environment[setting] || environment[fileVariable(setting)])
  return Object.entries(environment).flatMap(([name, value]) => {
    if (!value || variables.has(name) || isServiceLink(name, value)) return []
    return (
      explainOwn(name) ??
      explainForeign(name, isSet) ??
      explainMisspelt(name, isSet) ??
      explainUnsupported(name, isSet) ??
      []
    )
  })
}

function isServiceLink(name: string, value: string): boolean {
  return serviceLink.test(name) || (name.endsWith('_PORT') && serviceAddress.test(value))
}

/** Returns what is wrong with a name that can only be meant for Latchkey. */
function explainOwn(name: string): UnknownName | undefined {
  const renamed = Object.hasOwn(renamedSettings, name) && renamedSettings[name]
  if (renamed) return { stops: true, problem: `${name} was renamed: set ${renamed} instead` }
  const unreadable = settingNames.find((setting) => name === fileVariable(setting))
  if (unreadable)
    return { stops: true, problem: `unknown setting ${name}: ${unreadable} cannot be read from a file` }
  if (!ownPrefixes.some((prefix) => name.startsWith(prefix))) return undefined
  const similar = findSimilar(name.replace(/^LATCHKEY_/, ''), [...variables])
  const hint = findForeign(name)?.advice ?? (similar ? `did you mean ${similar}?` : '')
  return {
    stops: true,
    problem: `unknown setting ${toLine(name)}${hint ? `: ${hint}` : ''} (docs/configuration.md lists all settings)`,
  }
}

/** Returns which setting corresponds to a variable of another program, unless that setting is set. */
function explainForeign(name: string, isSet: (setting: SettingName) => boolean): UnknownName | undefined {
  const foreign = findForeign(name)
  if (!foreign || isSet(foreign.setting)) return undefined
  return { stops: false, problem: `${name} is not a setting of Latchkey: ${foreign.advice}` }
}

/** Returns which variable a name is a misspelling of, unless its setting is set. The letters may also be lower case. */
function explainMisspelt(name: string, isSet: (setting: SettingName) => boolean): UnknownName | undefined {
  const variable = findMisspelt(name.toUpperCase(), [...variables])
  const setting = settingNames.find((known) => variable === known || variable === fileVariable(known))
  if (!setting || isSet(setting)) return undefined
  if (commonNames.includes(setting))
    return {
      stops: false,
      problem: `${toLine(name)} is not a setting of Latchkey: did you mean ${variable}?`,
    }
  return { stops: true, problem: `unknown setting ${toLine(name)}: did you mean ${variable}?` }
}

/** Returns that a variable of OpenTelemetry has no effect. Without traces it is of no interest. */
function explainUnsupported(name: string, isSet: (setting: SettingName) => boolean): UnknownName | undefined {
  if (!name.startsWith('OTEL_') || !isSet('OTEL_EXPORTER_OTLP_ENDPOINT')) return undefined
  return {
    stops: false,
    problem: `${toLine(name)} has no effect: docs/configuration.md#traces lists the variables of OpenTelemetry that have one`,
  }
}

/** Returns a name as it can be printed: the system allows any character, and any length. */
function toLine(name: string): string {
  return name.slice(0, maxPrinted).replace(/[^\x21-\x7e]/g, '?')
}

function isSecret(name: SettingName): boolean {
  return 'secret' in Settings.properties[name] && Settings.properties[name].secret === true
}
