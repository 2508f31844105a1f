import { createHash } from 'node:crypto'
import fastify from 'fastify'
import t from 'tap'
import { summary } from '../../src/docs/document.js'
import { errorSchemas } from '../../src/http/error-schema.js'
import { pageSchemas, pages } from '../../src/pages/index.js'
import { startApp } from '../helpers/app.js'
import { runCommand } from '../helpers/command.js'

const html = 'text/html; charset=utf-8'
const json = 'application/json; charset=utf-8'

interface Description {
  links: { href: string; title: string; description: string }[]
}

t.test('the landing page', async (t) => {
  const app = await startApp(t, { CORS_ORIGINS: 'https://app.example.com' })
  const get = (accept: string | undefined, headers = {}) =>
    app.inject({ url: '/', headers: { ...(accept !== undefined && { accept }), ...headers } })

  t.test('is sent in the type that the client prefers', async (t) => {
    const table: [accept: string | undefined, type: string | null][] = [
      ['text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8', html],
      ['*/*', html],
      ['text/*', html],
      ['TEXT/HTML', html],
      ['application/json', json],
      ['application/json;charset=utf-8', json],
      ['application/json, text/html;q=0.9', json],
      ['text/html;q=0.5, application/*;q=0.6', json],
      ['text/html;q=0, */*', json],
      ['image/png;x="a, text/html", application/json;q=0.1', json],
      [undefined, null],
      ['', null],
      ['image/png', null],
      ['*/*;q=0', null],
      [',"=;q', null],
      [`${'a/b;c="'.repeat(1_500)}`, null],
    ]
    for (const [accept, type] of table) {
      const { statusCode, headers, body } = await get(accept)
      t.equal(statusCode, type ? 200 : 404, String(accept))
      t.equal(headers['content-type'], type ?? json, String(accept))
      t.match(headers.vary, /(^|, )Accept$/i, String(accept))
      if (!type) t.equal(body, '{"detail":"Not Found"}', String(accept))
    }
  })

  t.test('varies by origin as well', async (t) => {
    const { headers } = await get('*/*', { origin: 'https://app.example.com' })
    t.match(headers.vary, /origin, accept/i)
  })

  t.test('links to what is served, with the same content as JSON', async (t) => {
    const page = (await get('text/html')).body
    const description = (await get('application/json')).json<Description>()
    t.match(description, {
      name: 'Latchkey',
      description: summary,
      token_endpoint: /\/token$/,
    })
    t.same(
      description.links.map(({ href }) => href),
      [
        '/docs',
        '/docs#/auth/login_for_access_token_token_post',
        '/account/forgot-password',
        '/redoc',
        '/openapi.json',
        '/.well-known/oauth-authorization-server',
        '/readyz',
      ],
    )
    for (const { href, title, description: text } of description.links) {
      t.ok(page.includes(`href="${href}"`) && page.includes(title) && page.includes(text), href)
      t.equal((await app.inject(href)).statusCode, 200, href)
      const operation = /#\/auth\/(.+)/.exec(href)?.[1]
      if (operation) t.match((await app.inject('/openapi.json')).body, `"operationId":"${operation}"`)
    }
  })

  t.test('answers HEAD, and 304 to a client that has it', async (t) => {
    for (const accept of ['text/html', 'application/json']) {
      const { headers, rawPayload } = await get(accept)
      const head = await app.inject({ method: 'HEAD', url: '/', headers: { accept } })
      t.equal(head.headers['content-length'], String(rawPayload.length))
      t.equal(head.body, '')
      t.equal((await get(accept, { 'if-none-match': headers.etag })).statusCode, 304)
    }
  })

  t.test('runs no script, and allows only its own styles', async (t) => {
    const { headers, body } = await get('text/html')
    const [, style = ''] = /<style>(.*)<\/style>/s.exec(body) ?? []
    const hash = createHash('sha256').update(style).digest('base64')
    t.equal(
      headers['content-security-policy'],
      `default-src 'none'; style-src 'sha256-${hash}'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    )
    t.notMatch(body, /<script| style=| on\w+=/)
  })

  t.test('an address without a page is a page for browsers, with the same status', async (t) => {
    const browser = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'
    for (const [url, status] of [
      ['/account', 404],
      ['/<script>', 404],
      ['/favicon.png', 404],
      ['/token', 405],
      ['/account/check-link', 405],
    ] as const)
      for (const method of ['GET', 'HEAD'] as const) {
        const ask = (accept?: string) =>
          app.inject({ method, url, headers: accept === undefined ? {} : { accept } })
        const { statusCode, headers, body } = await ask(browser)
        const plain = await ask()
        t.equal(statusCode, status, url)
        t.match(headers, { 'content-type': html, vary: /accept/i, 'cache-control': 'no-store' })
        t.match(headers['content-security-policy'], /^default-src 'none'; style-src/)
        t.equal(headers.allow, plain.headers.allow)
        t.equal(headers.etag, undefined)
        t.notMatch(body, /<script/)
        if (method === 'GET') t.match(body, '<a href="/">')
        for (const accept of ['*/*', '', 'application/json', 'application/json, text/html', 'image/png']) {
          const answer = await ask(accept)
          t.equal(answer.body, plain.body, accept)
          t.equal(answer.headers['content-type'], json, accept)
        }
      }
    const posted = await app.inject({ method: 'POST', url: '/account', headers: { accept: browser } })
    t.equal(posted.body, '{"detail":"Not Found"}')
    const missing = await app.inject({ url: '/users/me/', headers: { accept: browser } })
    t.equal(missing.headers['content-type'], json, 'an operation responds with JSON')
  })

  t.test('has an icon that is small and cacheable', async (t) => {
    for (const path of ['/favicon.svg', '/favicon.ico']) {
      const { headers, rawPayload } = await app.inject(path)
      t.match(headers, { 'content-type': 'image/svg+xml', 'cache-control': 'public, max-age=86400' })
      t.ok(rawPayload.length < 1_000, path)
    }
  })
})

t.test(
  'the landing page leaves out what is not served, and in production the users of a trial',
  async (t) => {
    const app = fastify()
    t.teardown(() => app.close())
    for (const schema of [...errorSchemas, ...pageSchemas]) app.addSchema(schema)
    app.get('/readyz', async () => 'ok')
    await app.register(pages, { issuer: 'https://auth.example.com/"<b>', production: true })
    const description = (await app.inject({ url: '/', headers: { accept: json } })).json<Description>()
    t.same(
      description.links.map(({ href }) => href),
      ['/account/forgot-password', '/readyz'],
    )
    const { body } = await app.inject({ url: '/', headers: { accept: 'text/html' } })
    t.notMatch(body, /docs|redoc|openapi|johndoe|secret/)
    t.match(body, 'curl https://auth.example.com/&quot;&lt;b&gt;/token', 'texts are escaped')
  },
)

t.test('without the documentation pages nothing links to them', async (t) => {
  const app = await startApp(t, { DOCUMENTATION: 'false' })
  const paths = ['/docs', '/docs/oauth2-redirect', '/docs/assets/swagger-ui.css', '/redoc', '/openapi.json']
  for (const url of paths) t.equal((await app.inject({ url })).statusCode, 404, url)
  const { links } = (
    await app.inject({ url: '/', headers: { accept: 'application/json' } })
  ).json<Description>()
  t.ok(links.length > 0)
  for (const accept of ['application/json', 'text/html'])
    t.notMatch((await app.inject({ url: '/', headers: { accept } })).body, /\/docs|\/redoc|openapi/)
  const keyed = await startApp(t, { DOCUMENTATION: 'false', JWT_SECRET: '' })
  for (const name of ['oauth-authorization-server', 'oauth-protected-resource']) {
    const { statusCode, body } = await keyed.inject({ url: `/.well-known/${name}` })
    t.equal(statusCode, 200)
    t.notMatch(body, 'documentation')
  }
  const { status, stdout } = await runCommand('', ['openapi'], { env: { DOCUMENTATION: 'false' } })
  t.equal(status, 0)
  const served = await startApp(t)
  t.same(JSON.parse(stdout), (await served.inject({ url: '/openapi.json' })).json())
})
