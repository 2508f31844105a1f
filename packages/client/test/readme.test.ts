import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import t, { type Test } from 'tap'
import { fakeServer, issue, service, tokenUrl } from './helpers/fake-server.js'

const readme = readFileSync('packages/client/README.md', 'utf8')

/** Returns the names that a part of a source file declares, one in a line. */
function namesIn(file: string, after: string, pattern: RegExp): string[] {
  const [, part = ''] = readFileSync(`packages/client/src/${file}.ts`, 'utf8').split(after)
  return [...(part.split('\n\n')[0] ?? '').matchAll(pattern)].map(([, name = '']) => name)
}

t.test('every option, code of an error and event is described', (t) => {
  const isOption = /^ {2}(\w+)\??:/gm
  const names = [
    ...namesIn('client/options', 'interface ClientOptions', isOption),
    ...namesIn('server/client-authentication', 'interface Credentials', isOption),
    ...namesIn('tokens/token-target', 'interface TokenChoice', isOption),
    ...namesIn('session/user-session', 'interface UserSessionOptions', isOption),
    ...namesIn('errors/client-error', 'type ClientErrorCode =', /^ {2}\| '(\w+)'/gm),
    ...namesIn('runtime/events', 'type ClientEvent =', /type: '(\w+)'/g),
  ]
  t.equal(names.length, 10 + 3 + 2 + 5 + 19 + 9)
  const forTests = ['clock', 'random']
  for (const name of names.filter((name) => !forTests.includes(name)))
    t.ok(new RegExp(`\`${name}\\b`).test(readme), name)
  t.end()
})

/** Runs a snippet as it is typed, where only the path of a file and what its text names are given. */
async function run(t: Test, code: string, given: object): Promise<void> {
  const directory = t.testdir({ secret: 'secret\n' })
  const outfile = join(directory, 'snippet.mjs')
  const sources = ['', '/node', '/legacy'].map((name) => [
    `@latchkey/client${name}`,
    resolve(`packages/client/src${name || '/index'}.ts`),
  ])
  await build({
    stdin: { contents: code.replace('/run/secrets/latchkey', join(directory, 'secret')), loader: 'ts' },
    alias: Object.fromEntries(sources),
    external: ['node:*'],
    bundle: true,
    format: 'esm',
    target: 'es2023',
    outfile,
  })
  for (const [name, value] of Object.entries(given))
    t.intercept(globalThis as Record<string, unknown>, name, { value, configurable: true, writable: true })
  await import(pathToFileURL(outfile).href)
}

t.test('every snippet runs as it is typed', async (t) => {
  const snippets = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = '']) => code)
  t.equal(snippets.length, 3)
  const stored = new Map<string, string>()
  for (const [index, code] of snippets.entries()) {
    const server = fakeServer()
    server.answers.set(tokenUrl, () => issue('t', { refresh_token: 'next' }))
    const { issuer, clientId, clientSecret, fetch } = server.options
    const localStorage = {
      getItem: (name: string) => stored.get(name) ?? null,
      setItem: (name: string, value: string) => stored.set(name, value),
      removeItem: (name: string) => stored.delete(name),
    }
    const given = { issuer, clientId, clientSecret, fetch, localStorage, refreshToken: 'r' }
    await t.test(`snippet ${index + 1}`, async (t) => {
      await run(t, code, given)
      const sent = server.requests.filter(({ headers }) => headers.get('authorization') === 'Bearer t')
      t.equal(sent.length, 1, 'the service got a token')
    })
  }
  t.equal(stored.size, 0, 'the logout removed what the login stored')
  t.ok(readme.indexOf(snippets[0] ?? service) < 40, 'the three lines are first')
})
