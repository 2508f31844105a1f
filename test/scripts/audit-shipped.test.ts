import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { createGunzip } from 'node:zlib'
import t, { type Test } from 'tap'

/** Versions by the name of their package. */
type Versions = Record<string, string[]>

interface Advisory {
  id: number
  url: string
  title: string
  severity: string
  vulnerable_versions: string
}

/** Starts a registry that knows advisories, by the name of their package. Without them it does not answer. */
async function startRegistry(t: Test, advisories?: Record<string, Advisory[]>) {
  const asked: Versions = {}
  const registry = createServer(async (request, response) => {
    if (!advisories) return response.writeHead(405).end()
    if (request.method !== 'POST') return response.writeHead(404).end()
    Object.assign(asked, await json(request.pipe(createGunzip())))
    response.setHeader('content-type', 'application/json').end(JSON.stringify(advisories))
  }).listen(0, '127.0.0.1')
  await once(registry, 'listening')
  t.teardown(() => registry.close())
  return { asked, url: `http://127.0.0.1:${(registry.address() as AddressInfo).port}` }
}

function advisory(id: number, severity: string): Advisory {
  return { id, url: `https://example.com/${id}`, title: 'A hole', severity, vulnerable_versions: '<1000' }
}

async function audit(t: Test, url: string) {
  const settings = { registry: url, noproxy: '127.0.0.1', cache: t.testdir() }
  const env = Object.entries(settings).map(([name, value]) => [`npm_config_${name}`, value])
  const run = promisify(execFile)(process.execPath, ['scripts/audit-shipped.js'], {
    env: { ...process.env, ...Object.fromEntries(env) },
  })
  return run.then(
    (printed) => ({ status: 0, ...printed }),
    ({ code, stdout, stderr }) => ({
      status: code as number,
      stdout: String(stdout),
      stderr: String(stderr),
    }),
  )
}

t.test('known vulnerabilities of what is bundled are listed, and a severe one is a failure', async (t) => {
  const { asked, url } = await startRegistry(t, {
    fastify: [advisory(1, 'high')],
    bcrypt: [advisory(2, 'moderate')],
  })
  const { status, stdout } = await audit(t, url)
  t.equal(status, 1)
  t.match(stdout, /^high fastify: A hole \(<1000\) https:\/\/example\.com\/1$/m)
  t.match(stdout, /^moderate bcrypt: A hole/m)
  t.match(stdout, /^2 of \d\d+ shipped packages have known vulnerabilities, 1 of them severe\.$/m)
  for (const name of ['bcrypt', 'pg', 'redoc']) t.ok(asked[name], name)
  for (const name of ['tap', 'typescript', 'esbuild']) t.notOk(asked[name], name)
})

t.test('a registry that does not answer is no failure, and is named as the reason', async (t) => {
  const { url } = await startRegistry(t)
  t.match(await audit(t, url), { status: 0, stdout: '', stderr: /^notice: nothing was audited, .*405/ })
})
