import { name as objectName } from './kinds.js'

/**
 * @typedef {import('../../../src/config/settings/index.js').Setting} Setting
 * @typedef {Setting & {
 *   type?: string
 *   enum?: string[]
 *   minimum?: number
 *   maximum?: number
 *   maxLength?: number
 *   items?: { enum?: string[] }
 * }} Declaration a TypeBox schema
 * @typedef {[name: string, declaration: Declaration][]} Settings
 */

/** Settings that the chart sets itself: the first is the port of its containers, the others follow from `metrics`. */
const setByChart = ['PORT', 'METRICS_HOST', 'METRICS_PORT']

/**
 * Returns the schema of the settings that are no secrets, and of the paths of files with secrets.
 *
 * @param {Settings} settings
 */
export function toConfigSchema(settings) {
  const properties = settings
    .filter(([name]) => !setByChart.includes(name))
    .map(([name, declaration]) => (declaration.secret ? toPath(name) : [name, toSchema(declaration)]))
  return {
    type: 'object',
    description:
      'Settings by their names, as in [Configuration](../../../docs/configuration.md). Lists are lists of YAML. `ISSUER` is required. For a secret that is in a file already, `NAME_FILE` is its path.',
    additionalProperties: false,
    required: ['ISSUER'],
    properties: Object.fromEntries(properties),
    default: {},
  }
}

/**
 * Returns the schema of the references to secrets.
 *
 * @param {Settings} settings
 */
export function toSecretsSchema(settings) {
  const secrets = settings.filter(([, { secret }]) => secret)
  return {
    type: 'object',
    description:
      'For each secret setting, the name of the Secret and the key in it. The chart creates no Secret: create it before the installation. A reference that is null is left out.',
    additionalProperties: false,
    properties: Object.fromEntries(
      secrets.map(([name, { description }]) => [name, toReference(description)]),
    ),
    default: {
      DATABASE_URL: { name: 'latchkey', key: 'DATABASE_URL' },
      KEY_ENCRYPTION_SECRET: { name: 'latchkey', key: 'KEY_ENCRYPTION_SECRET' },
    },
  }
}

/** @param {string} description */
function toReference(description) {
  return {
    type: 'object',
    description,
    additionalProperties: false,
    required: ['name', 'key'],
    properties: {
      name: { ...objectName, description: 'Name of the Secret.' },
      key: { type: 'string', description: 'Key in the Secret.', pattern: '^[-._a-zA-Z0-9]{1,253}$' },
    },
  }
}

/** @param {string} name */
function toPath(name) {
  return [
    `${name}_FILE`,
    { type: 'string', description: `Path of a file with \`${name}\`.`, pattern: '^/', maxLength: 4_096 },
  ]
}

/** @param {Declaration} declaration */
function toSchema({ type, enum: values, minimum, maximum, maxLength, items, ...facts }) {
  const { description, default: preset, example } = facts
  return {
    ...(values ? { enum: values } : { type, minimum, maximum, maxLength }),
    ...(items && { items: items.enum ? { enum: items.enum } : { type: 'string' } }),
    description,
    default: preset,
    examples: [example],
  }
}
