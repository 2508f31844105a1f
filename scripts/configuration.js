import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { commonNames, ownPrefixes } from '#dist/src/config/names.js'
import { renamedSettings, settingGroups } from '#dist/src/config/settings/index.js'
import { toChartFiles } from './lib/chart/files.js'
import { toCompose, toEnvironmentExample, toReference } from './lib/configuration.js'

// Writes the files that are generated from the declarations of the settings: npm run docs:configuration

const declarations = { groups: settingGroups, renamed: renamedSettings, prefixes: ownPrefixes, commonNames }
const compose = 'docker-compose.yml'
writeFileSync('docs/configuration.md', toReference(declarations))
writeFileSync(compose, toCompose(declarations, readFileSync(compose, 'utf8')))
writeFileSync('.env.example', toEnvironmentExample(declarations))

const settings = settingGroups.flatMap((group) => Object.entries(group.settings))
const { version } = JSON.parse(readFileSync('package.json', 'utf8'))
for (const [file, text] of Object.entries(toChartFiles(settings, version)))
  writeFileSync(join('deploy/helm/latchkey', file), text)
