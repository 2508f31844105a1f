import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import t from 'tap'
import { parse } from 'yaml'
import { toChartFiles } from '#scripts/lib/chart/files.js'
import { manifests } from '#scripts/lib/manifests.js'
import { Settings, settingGroups } from '../../src/config/settings/index.js'
import { version } from '../../src/manifest.js'

const chart = 'deploy/helm/latchkey'
const read = (path: string) => readFileSync(path, 'utf8')
const schema = JSON.parse(read(join(chart, 'values.schema.json')))
const validate = new Ajv({ allErrors: true, allowUnionTypes: true, strictRequired: false }).compile(schema)
const config = { ISSUER: 'https://latchkey.example.com' }

interface Value {
  description?: string
  default?: unknown
  properties?: Record<string, Value>
}

t.test('what is generated from the settings is up to date: npm run docs:configuration', async (t) => {
  const settings = settingGroups.flatMap((group) => Object.entries(group.settings))
  for (const [file, text] of Object.entries(toChartFiles(settings, version)))
    t.equal(read(join(chart, file)), text, file)
})

t.test('every value is described, and has a default or members', async (t) => {
  function check(values: Record<string, Value>, path: string): void {
    for (const [name, { description, default: preset, properties }] of Object.entries(values)) {
      t.match(description, /^[A-Z`].*\.$/, `${path}${name}`)
      if (preset !== undefined) continue
      t.ok(properties, `${path}${name}`)
      check(properties ?? {}, `${path}${name}.`)
    }
  }
  const { global: setByHelm, ...values } = schema.properties
  t.match(setByHelm.description, 'Set by Helm')
  check(values, '')
})

t.test('every setting can be set: those that are secrets by a reference or a file', async (t) => {
  const { config, secrets } = schema.properties
  const given = [...Object.keys(config.properties), ...Object.keys(secrets.properties)]
  const setByChart = ['PORT', 'METRICS_HOST', 'METRICS_PORT']
  for (const [name, { secret }] of Object.entries<{ secret?: boolean }>(Settings.properties)) {
    if (setByChart.includes(name)) continue
    t.equal(Object.hasOwn(config.properties, name), !secret, name)
    if (secret) t.ok(given.includes(name) && given.includes(`${name}_FILE`), name)
  }
})

t.test('the values of the chart are complete but for the issuer', async (t) => {
  const values = parse(read(join(chart, 'values.yaml')))
  t.notOk(validate(values))
  t.match(validate.errors, [{ instancePath: '/config', params: { missingProperty: 'ISSUER' } }])
  t.ok(validate({ ...values, config }))
})

t.test('the values from which manifests are made are valid', async (t) => {
  for (const { values } of manifests) {
    // Helm removes what is null before it looks.
    const text = JSON.stringify(parse(read(values)), (_, value) => value ?? undefined)
    t.ok(validate(JSON.parse(text)), `${values}: ${JSON.stringify(validate.errors)}`)
  }
  t.same(
    readdirSync('test/deploy/rendered').sort(),
    readdirSync('test/deploy/values').sort(),
    'each makes one manifest',
  )
})

t.test('the values that the document shows are valid', async (t) => {
  const blocks = [...read('docs/kubernetes.md').matchAll(/^( *)```yaml\n(.*?)^ *```/gms)]
  t.equal(blocks.length, 5)
  for (const [, indent, text = ''] of blocks)
    t.ok(validate(parse(text.replaceAll(new RegExp(`^${indent}`, 'gm'), ''))), text)
})

t.test('wrong values are refused', async (t) => {
  for (const [path, values] of [
    ['', { replica: 3 }],
    ['/replicas', { replicas: 0 }],
    ['/image/tag', { image: { tag: 'latest' } }],
    ['/image/digest', { image: { digest: 'sha256:123' } }],
    ['/config', { config: { ...config, JWT_SECRET: 'a secret that would be in the clear' } }],
    ['/config', { config: { ...config, PORT: 80 } }],
    ['/config', { config: { ...config, ISSUR: 'x' } }],
    ['/config', { config: {} }],
    ['/config/BCRYPT_COST', { config: { ...config, BCRYPT_COST: '12' } }],
    ['/config/DRAIN_SECONDS', { config: { ...config, DRAIN_SECONDS: 301 } }],
    ['/config/LOG_LEVEL', { config: { ...config, LOG_LEVEL: 'loud' } }],
    ['/config/ALLOWED_GRANTS/0', { config: { ...config, ALLOWED_GRANTS: ['implicit'] } }],
    ['/secrets', { secrets: { ISSUER: { name: 'latchkey', key: 'issuer' } } }],
    ['/secrets/DATABASE_URL', { secrets: { DATABASE_URL: { name: 'latchkey' } } }],
    ['/secrets/DATABASE_URL/key', { secrets: { DATABASE_URL: { name: 'latchkey', key: 'a b' } } }],
    ['/secrets/DATABASE_URL/name', { secrets: { DATABASE_URL: { name: 'a: b', key: 'url' } } }],
    ['/secretsAs', { secretsAs: 'arguments' }],
    ['/gateway/parentRefs', { gateway: { enabled: true, parentRefs: [] } }],
    ['/metrics/port', { metrics: { port: 8000 } }],
    ['/metrics/prometheusRule/runbooks', { metrics: { prometheusRule: { runbooks: 'a: b' } } }],
    ['/podLabels/team', { podLabels: { team: 1 } }],
    ['/runAsUser', { runAsUser: 0 }],
  ] as const) {
    t.notOk(validate({ config, ...values }), JSON.stringify(values))
    t.ok(
      validate.errors?.some(({ instancePath }) => instancePath === path),
      `${path}: ${JSON.stringify(validate.errors)}`,
    )
  }
})
