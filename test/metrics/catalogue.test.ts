import { readFileSync } from 'node:fs'
import t from 'tap'
import { grants } from '../../src/auth/grants/index.js'
import { oauthErrors } from '../../src/errors.js'
import { expiringTables, tables } from '../../src/metrics/catalogue/database.js'
import { catalogue } from '../../src/metrics/catalogue/index.js'
import { tokenGrants, tokenOutcomes } from '../../src/metrics/catalogue/tokens.js'
import type { Definition } from '../../src/metrics/definition.js'

const definitions = Object.values<Definition>(catalogue)

t.test('names and help texts are as Prometheus wants them', async (t) => {
  t.equal(new Set(definitions.map(({ name }) => name)).size, definitions.length)
  for (const { kind, name, help, labels, unit } of definitions) {
    t.match(name, /^(latchkey|http_server|db_client|process|nodejs|v8js)_[a-z0-9_]+$/)
    t.notMatch(name, /_(total|info|bucket|sum)$/, 'the suffix depends on the kind')
    t.match(help, /^[A-Z0-9`][^\n\\]*\.$/, name)
    t.equal(unit, /_(seconds|bytes)$/.exec(name)?.[1], name)
    for (const label of Object.keys(labels)) t.match(label, /^[a-z][a-z_]*$/)
    if (kind === 'histogram') t.equal(unit, 'seconds')
  }
})

t.test('the values of labels are those of the service', async (t) => {
  t.same([...tokenGrants], [...Object.keys(grants), '_OTHER'])
  const ofTokens = oauthErrors.filter((code) => /^(invalid_|unauthorized_|unsupported_grant)/.test(code))
  t.same(tokenOutcomes.filter((outcome) => (oauthErrors as string[]).includes(outcome)).sort(), ofTokens)
  const schema = readFileSync('prisma/schema.prisma', 'utf8')
  t.same([...tables], [...schema.matchAll(/@@map\("(\w+)"\)/g)].map(([, table]) => table).sort())
  t.same(
    expiringTables.filter((table) => !(tables as readonly string[]).includes(table)),
    [],
  )
})

t.test('the documents list every metric with its labels', async (t) => {
  const text = readFileSync('docs/metrics.md', 'utf8')
  const documented = [...text.matchAll(/^\| `(\w+)` \| (\w+) \| (.*) \| (.*) \|$/gm)].map(
    ([, ...cells]) => cells,
  )
  const suffixes: Record<string, string> = { counter: '_total', info: '_info' }
  t.same(
    documented,
    definitions.map(({ kind, name, help, labels }) => [
      name + (suffixes[kind] ?? ''),
      kind,
      Object.keys(labels)
        .map((label) => `\`${label}\``)
        .join(', '),
      help,
    ]),
  )
  for (const { labels } of definitions)
    for (const [label, values] of Object.entries(labels)) {
      const described =
        typeof values === 'string'
          ? values
          : values
              .filter((value) => value !== '')
              .map((value) => `\`${value}\``)
              .join(', ')
      t.ok(text.includes(described), `${label}: ${described}`)
    }
})
