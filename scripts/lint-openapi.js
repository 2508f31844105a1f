import { readFileSync } from 'node:fs'
import { createConfig, lintFromString } from '@redocly/openapi-core'
import { Spectral } from '@stoplight/spectral-core'
// The index of the package would load the rules for AsyncAPI too.
import oas from '@stoplight/spectral-rulesets/dist/oas/index.js'
import { parse } from 'yaml'
import { selectDocument } from '#dist/src/docs/selection.js'

// Checks OpenAPI documents by the rules of Redocly and Spectral: node scripts/lint-openapi.js [FILE…]
//
// Without files, these are docs/openapi.json and its form for clients in OpenAPI 3.0, since that form goes through every
// conversion.

const committed = 'docs/openapi.json'
const files = process.argv.slice(2)
const redoclyRules = await createConfig(readFileSync('redocly.yaml', 'utf8'))
const spectral = new Spectral()
spectral.setRuleset({ ...parse(readFileSync('.spectral.yaml', 'utf8')), extends: oas.default })

for (const [name, text] of files.length > 0 ? files.map(readDocument) : listForms())
  for (const problem of [...(await runRedocly(text)), ...(await runSpectral(text))]) {
    console.error(`${name}${problem}`)
    process.exitCode = 1
  }

/** @param {string} file @returns {[name: string, text: string]} */
function readDocument(file) {
  return [file, readFileSync(file, 'utf8')]
}

/** @returns {[name: string, text: string][]} */
function listForms() {
  const [name, text] = readDocument(committed)
  const converted = selectDocument(JSON.parse(text), { version: '3.0', profile: 'clients' })
  return [
    [name, text],
    ['/openapi.json?version=3.0&profile=clients', JSON.stringify(converted)],
  ]
}

/** @param {string} source */
async function runRedocly(source) {
  const problems = await lintFromString({ source, config: redoclyRules })
  return problems.map(
    ({ ruleId, message, location: [at] }) => `${at?.pointer}: ${message} (Redocly, ${ruleId})`,
  )
}

/** @param {string} text */
async function runSpectral(text) {
  const problems = await spectral.run(text)
  return problems.map(({ code, message, path }) => `#/${path.join('/')}: ${message} (Spectral, ${code})`)
}
