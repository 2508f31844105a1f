import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import t from 'tap'
import { startBrowser, withoutBrowser } from '../helpers/browser.js'
import { compileProject, createProject, runInProject } from '../helpers/project.js'
import { without } from '../helpers/without.js'

// The same journey on every platform that the packages promise to run on.

const project = await createProject(t, 'test/packages/project')
await compileProject(project)
const bundlePath = join(project.folder, 'journey-bundle.js')
const expected = [
  'client:billing',
  '401 Bearer realm="Latchkey", error="invalid_token", error_description="The access token was revoked"',
  'client:billing',
].join('\n')

const platforms: [program: string, ...args: string[]][] = [
  [process.execPath, 'journey-program.js'],
  ['bun', 'journey-program.js'],
  ['deno', 'run', '--no-remote', 'journey-program.js'],
]

for (const [program, ...args] of platforms)
  t.test(`a token is accepted until it is revoked, on ${program}`, { skip: without(program) }, async (t) => {
    t.equal((await runInProject(project, program, args)).trim(), expected)
  })

t.test('the same on Workers', { skip: without('workerd') }, async (t) => {
  await bundle('journey-worker.js')
  t.equal((await runInProject(project, 'workerd', ['test', 'workerd.capnp'])).trim(), expected)
})

t.test('the same in a browser', { skip: withoutBrowser }, async (t) => {
  await bundle('journey.js')
  // A secure context, as WebCrypto needs one.
  const origin = 'http://localhost'
  const openPage = await startBrowser(t, origin)
  const { page, problems } = await openPage()
  await page.route(`${origin}/**`, (route) =>
    route.request().url().endsWith('.js')
      ? route.fulfill({ contentType: 'text/javascript', body: readFileSync(bundlePath) })
      : route.fulfill({ contentType: 'text/html', body: '<!doctype html><link rel="icon" href="data:,">' }),
  )
  await page.goto(origin)
  t.equal(await page.evaluate("import('/bundle.js').then(({ takeJourney }) => takeJourney())"), expected)
  t.same(problems, [])
})

/** Bundles a compiled file of the project with the packages. */
async function bundle(entry: string): Promise<void> {
  await build({
    entryPoints: [join(project.folder, entry)],
    outfile: bundlePath,
    bundle: true,
    format: 'esm',
    platform: 'browser',
  })
}
