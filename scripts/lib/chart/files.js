import { stringify } from 'yaml'
import { declareValues } from './values.js'

/**
 * @typedef {import('./kinds.js').Value} Value
 * @typedef {import('./settings.js').Settings} Settings
 */

const generated = 'Generated from scripts/lib/chart and src/config/settings by npm run docs:configuration.'
const maxLineLength = 120

/**
 * Returns the files of the Helm chart that describe its values, by their path in the chart.
 *
 * @param {Settings} settings
 * @param {string} version
 */
export function toChartFiles(settings, version) {
  const values = declareValues(settings)
  return {
    'Chart.yaml': toChart(version),
    'values.schema.json': toSchemaText(values),
    'values.yaml': `# ${generated}\n\n${toYaml(values, '')}`,
    'README.md': toReadme(values),
  }
}

/** @param {string} version of the chart and of the service, which are released together */
function toChart(version) {
  return `# ${generated}
apiVersion: v2
name: latchkey
description: Signs users in with OAuth 2.0, issues JWT access tokens, serves each caller the current user and their items
type: application
version: ${version}
appVersion: ${version}
# For the preStop action sleep.
kubeVersion: '>=1.30.0-0'
`
}

/** @param {Record<string, Value>} values */
function toSchemaText(values) {
  const schema = {
    $schema: 'http://json-schema.org/draft-07/schema#',
    $comment: generated,
    title: 'Values of the Helm chart of Latchkey',
    type: 'object',
    additionalProperties: false,
    properties: {
      ...values,
      global: { type: 'object', description: 'Set by Helm in charts that contain this one.' },
    },
  }
  return `${JSON.stringify(schema, null, 2)}\n`
}

/**
 * @param {Record<string, Value>} values
 * @param {string} indent
 * @returns {string}
 */
function toYaml(values, indent) {
  return Object.entries(values)
    .map(([name, value]) => {
      const comment = wrap(value.description, `${indent}# `)
      if (value.default !== undefined) return `${comment}\n${toMember(name, value.default, indent)}`
      return `${comment}\n${indent}${name}:\n${toYaml(value.properties ?? {}, `${indent}  `)}`
    })
    .join(indent === '' ? '\n' : '')
}

/**
 * @param {string} name
 * @param {unknown} value
 * @param {string} indent
 */
function toMember(name, value, indent) {
  const text = stringify({ [name]: value }, { lineWidth: 0, singleQuote: true })
  return text.replace(/^(?=.)/gm, indent)
}

/**
 * Breaks a text into lines.
 *
 * @param {string} text
 * @param {string} prefix of each line
 */
function wrap(text, prefix) {
  const lines = ['']
  for (const word of text.split(' ')) {
    const line = `${lines.at(-1)} ${word}`.trimStart()
    if (prefix.length + line.length <= maxLineLength) lines[lines.length - 1] = line
    else lines.push(word)
  }
  return lines.map((line) => prefix + line).join('\n')
}

/** @param {Record<string, Value>} values */
function toReadme(values) {
  return `<!-- ${generated} -->

# Helm chart of Latchkey

[Kubernetes](../../../docs/kubernetes.md) says how to install it. \`values.schema.json\` describes the same values for Helm, which refuses
others. A dash stands for an empty value. \`helm lint\` and \`helm template\` need values with an \`ISSUER\`. A Helm that was
built by \`go install\` needs \`--kube-version 1.30.0\` for the latter.

| value | default | meaning |
| --- | --- | --- |
${toRows(values, '').join('\n')}
`
}

/**
 * @param {Record<string, Value>} values
 * @param {string} prefix
 * @returns {string[]}
 */
function toRows(values, prefix) {
  return Object.entries(values).flatMap(([name, { description, default: preset, properties }]) => {
    const path = `${prefix}${name}`
    if (preset === undefined) return toRows(properties ?? {}, `${path}.`)
    const isEmpty = ['""', '{}', '[]'].includes(JSON.stringify(preset))
    return [`| \`${path}\` | ${isEmpty ? '–' : `\`${JSON.stringify(preset)}\``} | ${description} |`]
  })
}
