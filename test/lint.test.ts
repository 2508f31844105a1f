import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

const root = process.cwd()
const biome = join(root, 'node_modules/.bin/biome')
const read = (file: string) => readFileSync(join(root, file), 'utf8')

/** Statements that read the facts by which it is decided what a token may do. */
const reads = [
  'export const a = (user) => user.disabled',
  'export const b = (user) => user?.generation',
  "export const c = (user) => user['scopes']",
  'export const d = ({ scopes }) => scopes',
  'export const e = ({ disabled: isLocked }) => isLocked',
  'export const f = ({ client: { rights } }) => rights',
  'export function g(user) { const { passwordChangeRequired } = user; return passwordChangeRequired }',
]
/** Statements that look similar, but read none of these facts. */
const others = [
  'export const h = () => ({ disabled: true, scopes: [], generation: 1 })',
  'export const i = (user) => user.scope',
]

t.test('only effective.ts reads the facts that decide what a token may do', (t) => {
  const source = [...reads, ...others].join('\n')
  const config = JSON.parse(read('biome.json')) as object
  const project = t.testdir({
    'biome.json': JSON.stringify({ ...config, vcs: { enabled: false } }),
    lint: { 'token-facts.grit': read('lint/token-facts.grit') },
    src: {
      'app.ts': source,
      auth: { 'effective.ts': source, 'revoke.ts': source, grants: { 'password.ts': source } },
      users: { store: { 'credentials.ts': source } },
    },
  })
  const { stdout, status } = spawnSync(biome, ['lint', '--reporter=github', '--max-diagnostics=none'], {
    cwd: project,
    encoding: 'utf8',
  })
  const places = [...stdout.matchAll(/file=[^,]*\/src\/([^,]+),line=(\d+).*effective\.ts reads this/g)]
  const expected = ['app.ts', 'auth/grants/password.ts', 'auth/revoke.ts'].flatMap((file) =>
    reads.map((_, line) => `${file} ${line + 1}`),
  )
  t.same(places.map(([, file, line]) => `${file} ${line}`).sort(), expected)
  t.equal(status, 1)
  t.end()
})

t.test('a fault in the OpenAPI document is found by the rules of Redocly and of Spectral', (t) => {
  const folder = t.testdir({
    'broken.json': JSON.stringify({
      openapi: '3.1.0',
      info: { title: 'x', version: '1', license: { name: 'MIT', url: 'https://example.com' } },
      paths: { '/users/': { get: { responses: { 200: { $ref: '#/components/responses/Absent' } } } } },
    }),
  })
  const { stderr, status } = spawnSync(
    process.execPath,
    ['scripts/lint-openapi.js', join(folder, 'broken.json')],
    { encoding: 'utf8' },
  )
  t.equal(status, 1)
  for (const rule of ['Redocly, no-unresolved-refs', 'Spectral, invalid-ref', 'Spectral, operation-tags'])
    t.match(stderr, rule)
  t.notMatch(stderr, /server|slash|contact/, 'the exceptions are those of the configurations')
  t.end()
})
