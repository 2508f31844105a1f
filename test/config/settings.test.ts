import { readFileSync } from 'node:fs'
import t from 'tap'
import { Type } from 'typebox'
import { toCompose, toEnvironmentExample, toReference } from '#scripts/lib/configuration.js'
import { readConfig } from '../../src/config/index.js'
import { commonNames, ownPrefixes } from '../../src/config/names.js'
import { renamedSettings, Settings, settingGroups } from '../../src/config/settings/index.js'

const declarations = { groups: settingGroups, renamed: renamedSettings, prefixes: ownPrefixes, commonNames }
const settings = settingGroups.flatMap((group) => Object.entries(group.settings))
const read = (file: string) => readFileSync(file, 'utf8')

t.test('a declaration is complete', async (t) => {
  t.same(new Set(settings.map(([name]) => name)), new Set(Object.keys(Settings.properties)))
  for (const [name, setting] of settings) {
    t.match(setting.description, /^[A-Z`].*\.$/, name)
    const isOptional = Type.IsOptional(setting)
    t.equal(setting.default === undefined, isOptional, `${name} has a default, or can be left out`)
    t.equal(setting.whenUnset !== undefined, isOptional, `${name} says what holds without it`)
  }
})

t.test('a setting names the version that introduced it, or that none has yet', async (t) => {
  const [unreleased = '', ...released] = read('CHANGELOG.md')
    .split(/^## (?=Unreleased|\d)/m)
    .slice(1)
  const versions = released.map((section) => /^\S+/.exec(section)?.[0])
  for (const [name, { since }] of settings)
    if (since === 'unreleased')
      t.ok(unreleased.includes(`\`${name}\``), `${name} is in the changelog under Unreleased`)
    else t.ok(versions.includes(since), `${name} ${since}`)
})

t.test('the example of a setting is valid', async (t) => {
  const context = {
    NODE_ENV: 'development',
    DATABASE_URL: 'postgresql://latchkey@localhost/latchkey',
    KEY_ENCRYPTION_SECRET: 'a secret of more than thirty-two characters',
    UV_THREADPOOL_SIZE: '16',
  }
  for (const [name, { example }] of settings)
    t.doesNotThrow(() => readConfig({ ...context, [name]: example }), `${name}=${example}`)
})

t.test('a duration, and nothing else, is called by its unit', async (t) => {
  for (const [name, { unit }] of settings)
    t.equal(/_(SECONDS|MINUTES|HOURS|DAYS)$/.exec(name)?.[1]?.toLowerCase(), unit, name)
})

t.test('a former name is not used again', async (t) => {
  for (const name of Object.keys(renamedSettings)) t.notOk(Object.hasOwn(Settings.properties, name), name)
})

t.test('what is generated from the declarations is up to date: npm run docs:configuration', async (t) => {
  t.equal(read('docs/configuration.md'), toReference(declarations))
  t.equal(read('.env.example'), toEnvironmentExample(declarations))
  const compose = read('docker-compose.yml')
  t.equal(compose, toCompose(declarations, compose))
})

t.test('docker-compose.yml has every setting but those of the image', async (t) => {
  const compose = read('docker-compose.yml')
  for (const [name] of settings)
    t.equal(compose.match(new RegExp(`^ {4}${name}: `, 'gm'))?.length ?? 0, name === 'HOST' ? 0 : 1, name)
  t.throws(() => toCompose(declarations, 'services: {}'), /lacks the lines/)
})
