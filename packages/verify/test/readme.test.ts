import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import t, { type Test } from 'tap'
import { readOptions } from '../src/verifier/options.js'

const readme = readFileSync('packages/verify/README.md', 'utf8')

/** Returns what stands in the first column of a table, below a heading. */
function firstColumn(heading: string): string[] {
  const [, section = ''] = readme.split(`\n## ${heading}\n`)
  const [table = ''] = section.split('\n## ')
  return [...table.matchAll(/^\| `(\w+)`(?:, `(\w+)`)? \|/gm)].flatMap(([, ...names]) =>
    names.filter(Boolean),
  )
}

t.test('every option is described', async (t) => {
  const { audiences, ...config } = readOptions({ issuer: 'https://latchkey.test', audience: 'a' })
  t.same(firstColumn('Options').sort(), ['audience', ...Object.keys(config)].sort())
})

t.test('every code of an error is described', async (t) => {
  const source = readFileSync('packages/verify/src/errors/verification-error.ts', 'utf8')
  const codes = [...source.matchAll(/^ {2}([a-z_]+): (?:invalid|unavailable|\{)/gm)].map(
    ([, code = '']) => code,
  )
  t.equal(codes.length, 17)
  for (const code of codes) t.ok(readme.includes(`\`${code}\``), code)
})

const [quickStart = '', ...snippets] = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map(
  ([, code = '']) => code,
)
const modules = ['', '/fastify', '/express', '/hono', '/request', '/testing']

/** Runs a snippet as it is typed. */
async function run(t: Test, code: string): Promise<void> {
  const outfile = `${t.testdir()}/snippet.mjs`
  const sources = modules.map((name) => [
    `@latchkey/verify${name}`,
    resolve(`packages/verify/src${name || '/index'}.ts`),
  ])
  await build({
    stdin: { contents: code, loader: 'ts', resolveDir: process.cwd() },
    alias: Object.fromEntries(sources),
    packages: 'external',
    bundle: true,
    format: 'esm',
    target: 'es2023',
    outfile,
  })
  await import(pathToFileURL(outfile).href)
}

t.test('the first snippet refuses a request without a token', async (t) => {
  t.teardown(() => Reflect.deleteProperty(globalThis, 'request'))
  Object.assign(globalThis, { request: { headers: {} } })
  await t.rejects(run(t, quickStart), { code: 'missing_token' })
})

t.test('every other snippet runs as it is typed, and prints what it says', async (t) => {
  const printed = t.capture(console, 'log')
  // The package of Express is not installed here.
  const runnable = snippets.filter((code) => !code.includes("from 'express'"))
  t.equal(runnable.length, 6)
  for (const [index, code] of runnable.entries())
    await t.test(`snippet ${index}`, async (t) => {
      await run(t, code)
      const expected = [...code.matchAll(/console\.log\(.*\/\/ (.+)$/gm)].map(([, text]) => text)
      t.same(
        printed().map(({ args }) => String(args[0])),
        expected,
      )
    })
})
