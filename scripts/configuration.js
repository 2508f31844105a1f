import { readFileSync, writeFileSync } from 'node:fs'
import { commonNames, ownPrefixes } from '#dist/src/config/names.js'
import { renamedSettings, settingGroups } from '#dist/src/config/settings/index.js'
import { toCompose, toEnvironmentExample, toReference } from './lib/configuration.js'

// Writes the files that are generated from the declarations of the settings: npm run docs:configuration

const declarations = { groups: settingGroups, renamed: renamedSettings, prefixes: ownPrefixes, commonNames }
const compose = 'docker-compose.yml'
writeFileSync('docs/configuration.md', toReference(declarations))
writeFileSync(compose, toCompose(declarations, readFileSync(compose, 'utf8')))
writeFileSync('.env.example', toEnvironmentExample(declarations))
