import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { workspaces } from '#scripts/lib/workspaces.js'
import { clonePlainDatabase } from './helpers/database.js'
import { oldSecret, startOldService } from './helpers/old-service.js'
import { runPage, scriptOf } from './helpers/page-commands.js'
import { startService } from './helpers/service.js'

// The README and the pages under docs/. A fenced block marked `sh` or `sql` is run here, in the order of its page; one that
// cannot be run in a test is marked `bash`.

const withoutCurl = spawnSync('curl', ['--version']).error ? 'curl is not installed' : false

interface Page {
  /** Settings that the page asks its reader for. */
  env?: Record<string, string>
  /** Starts another service that the page is about. */
  prepare?: (t: Test) => Promise<{ env: Record<string, string>; origins: Record<string, string> }>
  /** What its commands print. */
  answers: (RegExp | string)[]
}

/** Every page with commands. */
const pages: Record<string, Page> = {
  'README.md': {
    answers: [
      /\{"access_token":"ey[^"]+","token_type":"bearer","expires_in":1800,"scope":"[^"]+","refresh_token":"lkr_/,
      '{"username":"johndoe","email":"johndoe@example.com","full_name":"John Doe","disabled":false}',
      '[{"item_id":"Foo","owner":"johndoe"}]',
      /HTTP\/1.1 401 [\s\S]*\{"detail":"Incorrect username or password"\}/,
      /HTTP\/1.1 401 [\s\S]*\{"detail":"Could not validate credentials"\}/,
      '{"detail":"Inactive user"}',
      /"item_id":"Bar","owner":"johndoe","title":"A bar".*"metadata":\{"open":true\}.*"version":2/,
      /HTTP\/1.1 400 [\s\S]*"error":"invalid_grant"/,
      /\{"detail":"If the [^"]*log in"\}/,
    ],
  },
  'docs/command-line.md': { answers: [/Usage: latchkey/, /johndoe/, /^ok +PostgreSQL/m] },
  'docs/errors.md': {
    answers: [
      /HTTP\/1.1 401 [\s\S]*\{"detail":"Not authenticated"\}/,
      /HTTP\/1.1 422 [\s\S]*"type":"missing","loc":\["body","password"\]/,
      /HTTP\/1.1 400 [\s\S]*"error":"invalid_grant","error_description":/,
    ],
  },
  'docs/migrating-from-fastapi.md': {
    env: { JWT_SECRET: oldSecret },
    prepare: startOldService,
    answers: [
      'An import would do this: 1 created, 0 existing, 0 refused.',
      'Imported: 1 created, 0 existing, 0 refused.',
      /^ok +PostgreSQL/m,
      /(\{"username":"grace","email":"grace@example.com","full_name":"Grace Hopper","disabled":false\}\s+){2}/,
      'Imported: 0 created, 1 existing, 0 refused.',
    ],
  },
  'docs/operations.md': {
    answers: [
      /^ok +PostgreSQL/m,
      /(HTTP\/1.1 200 OK[\s\S]*){2}/,
      /^Backed up \d+ rows of \d+ tables, as of [\s\S]* is complete: [\s\S]* can be decrypted\.$/m,
      'The database has all migrations of this version, and no others.',
    ],
  },
  'docs/webhooks.md': {
    answers: [
      /^secret +whsec_\S{44}$/m,
      /^audit +https:\/\/audit\.example\.com\/latchkey +login tokens_revoked +enabled/m,
      /^message +webhook +action +state/m,
    ],
  },
  'docs/resources.md': {
    answers: [
      /^scopes +orders:read orders:write$/m,
      'Granted clerk: johndoe',
      /"aud":"https:\/\/orders\.example"[^}]*"scope":"orders:read"|"scope":"orders:read"[^}]*"aud":"https:\/\/orders\.example"/,
      '{"detail":"Could not validate credentials"}',
      /HTTP\/1.1 200 [\s\S]*etag: "[\s\S]*"audience":"https:\/\/orders.example"/i,
      /"name":"clerk"[^}]*"scopes":\["orders:read","orders:write"\]/,
      /HTTP\/1.1 204 /,
    ],
  },
  'docs/service-to-service.md': {
    answers: [
      /"token_type":"bearer","expires_in":1800,"scope":"orders:read"\}/,
      /Created billing\.\s+\{"access_token":"ey[^"]+","token_type":"bearer","expires_in":1800,"scope":"orders:read"\}/,
      /"jwks_uri":/,
      /\{"keys":\[\{[^\]]*"kty":"EC"/,
      /\{"status_lists":\["[^"]+\/status-lists\/[\w-]{11}"/,
      /"sub":"client:reports"[^}]*"active":true|"active":true[^}]*"sub":"client:reports"/,
      /^\{\}\n\{"active":false\}$/m,
    ],
  },
  'docs/signing-in.md': {
    answers: [
      /"scope":"me items:read items:write","refresh_token":"lkr_/,
      /"access_token":"ey[^"]+","token_type":"bearer","expires_in":1800,"refresh_token"/,
      /HTTP\/1.1 400 [\s\S]*"error":"invalid_grant"/,
      /\{"detail":"If the [^"]*log in"\}/,
    ],
  },
  'docs/users-and-items.md': {
    answers: [
      /^\[\{"item_id":"Foo","owner":"johndoe"\}\]$/m,
      /(HTTP\/1.1 201 [\s\S]*"item_id":"Bar"[\s\S]*){2}/,
      /HTTP\/1.1 200 [\s\S]*"metadata":\{"open":true\}/,
      /HTTP\/1.1 412 /,
      /("password":"[\w-]{20}"[\s\S]*){2}"email_verified":false/,
      /"created":1/,
    ],
  },
}

for (const [name, { env = {}, prepare, answers }] of Object.entries(pages)) {
  t.test(`the commands of ${name} work when they are pasted`, { skip: withoutCurl }, async (t) => {
    const directory = t.testdir()
    const settings = { DATABASE_URL: await clonePlainDatabase(t), DATA_DIRECTORY: directory, ...env }
    const { origin } = await startService(t, settings, 'dist/src/server.js')
    const other = await prepare?.(t)
    const origins = { 'http://localhost:8000': origin, ...other?.origins }
    const stdout = await runPage(name, { ...settings, ...other?.env }, origins, directory)
    for (const answer of answers) t.match(stdout, answer)
  })
}

/** Every document, by its path in the repository. */
const documents = [
  ...readdirSync('.').filter((name) => name.endsWith('.md')),
  ...readdirSync('docs', { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
  'bench/README.md',
  'examples/README.md',
  ...workspaces.map((folder) => join(folder, 'README.md')),
]

t.test('every document', async (t) => {
  const texts = new Map(documents.map((name) => [name, readFileSync(name, 'utf8')]))

  t.test('is run if it has commands', async (t) => {
    for (const [name, text] of texts) if (scriptOf(text)) t.ok(pages[name], name)
  })

  t.test('shows commands whose answers end with a line break', async (t) => {
    for (const [name, text] of texts)
      for (const [command] of scriptOf(text).matchAll(/^(.*\| )?curl .*$/gm))
        if (!/ -o /.test(command)) t.match(command, "w '\\n' ", name)
  })

  t.test('links to files and headings that exist', async (t) => {
    for (const [name, text] of texts)
      for (const [, target = ''] of text.matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
        const [file = '', anchor] = target.split('#')
        const path = file ? join(dirname(name), file) : name
        t.ok(existsSync(path), `${name}: ${target}`)
        if (anchor) t.ok(anchorsOf(texts.get(path) ?? '').includes(anchor), `${name}: ${target}`)
      }
  })

  t.test('draws diagrams in which every line is one of Mermaid', async (t) => {
    for (const [name, text] of texts)
      for (const [, diagram = ''] of text.matchAll(/^```mermaid\n(.*?)^```$/gms))
        t.notMatch(diagram, /^\s*(\||[#>*-] )/m, name)
  })

  t.test('names files that exist', async (t) => {
    for (const [name, text] of texts)
      for (const [, path = ''] of text.matchAll(
        /`((?:src|test|prisma|scripts|deploy)\/[\w./-]+(?:\.\w+|\/))`/g,
      ))
        t.ok(name === 'CHANGELOG.md' || existsSync(path), `${name}: ${path}`)
  })

  t.test('names npm scripts that exist', async (t) => {
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as {
      scripts: Record<string, string>
    }
    for (const [name, text] of texts)
      for (const [, script = ''] of text.matchAll(/`npm (?:run )?(start|test|(?<=run )[\w:-]+)/g))
        t.ok(scripts[script], `${name}: ${script}`)
  })
})

t.test('the page on the architecture has a row for every folder of the source', async (t) => {
  const page = readFileSync('docs/architecture.md', 'utf8')
  const rows = page.split('\n').filter((line) => line.startsWith('| '))
  const folders = readdirSync('src', { withFileTypes: true }).filter((entry) => entry.isDirectory())
  const missing = folders.filter(({ name }) => !rows.some((row) => row.includes(`\`src/${name}/\``)))
  t.same(
    missing.map(({ name }) => name),
    [],
  )
})

t.test('each promise of the security model names a test', async (t) => {
  const [, promises = ''] =
    /^## Promises and their tests\n(.*?)^## /ms.exec(readFileSync('docs/security-model.md', 'utf8')) ?? []
  const rows = [...promises.matchAll(/^\| (?!promise|---)(.+?) \| (.+) \|$/gm)]
  t.ok(rows.length > 50)
  for (const [, promise = '', tests = ''] of rows) t.match(tests, /`test\/[\w./-]+`/, promise)
})

t.test('the README can be read in one go', async (t) => {
  t.ok(readFileSync('README.md', 'utf8').trimEnd().split('\n').length <= 150)
})

/** Returns the anchors that GitHub gives to the headings of a document. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}
