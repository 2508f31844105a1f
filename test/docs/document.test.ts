import t from 'tap'
import { startApp } from '../helpers/app.js'

interface Operation {
  operationId?: string
  summary?: string
  description?: string
  tags?: string[]
  security?: object[]
  requestBody?: object
  responses: Record<
    string,
    {
      description: string
      content?: Record<
        string,
        { schema: { $ref?: string; items?: { $ref?: string }; examples?: unknown }; examples?: object }
      >
    }
  >
}

interface Document {
  openapi: string
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, { examples?: unknown[] }>; securitySchemes: object }
}

t.test('the OpenAPI document', async (t) => {
  const app = await startApp(t)
  const response = await app.inject('/openapi.json')
  t.match(response.headers['content-type'], 'application/json')
  const document = response.json<Document>()
  const operations = Object.values(document.paths).flatMap((path) => Object.values(path))

  t.test('lists all operations, but not the pages about them', async (t) => {
    t.match(document.openapi, /^3\.1\./)
    t.same(Object.keys(document.paths).sort(), [
      '/.well-known/jwks.json',
      '/.well-known/oauth-authorization-server',
      '/account/confirm-email',
      '/account/forgot-password',
      '/account/reset-password',
      '/events/',
      '/introspect',
      '/invitations/',
      '/livez',
      '/readyz',
      '/revoke',
      '/token',
      '/users/',
      '/users/me/',
      '/users/me/events/',
      '/users/me/items/',
      '/users/me/items/export',
      '/users/me/items/import',
      '/users/me/items/{item_id}',
      '/users/me/password',
      '/users/{username}/',
      '/users/{username}/items/',
      '/users/{username}/items/export',
      '/users/{username}/items/import',
      '/users/{username}/items/{item_id}',
    ])
  })

  t.test('names its schemas', async (t) => {
    t.same(Object.keys(document.components.schemas).sort(), [
      'Accepted',
      'AuditEvent',
      'Body_login_for_access_token_token_post',
      'EmailConfirmation',
      'HTTPError',
      'HTTPValidationError',
      'Health',
      'ImportReport',
      'Introspection',
      'Invitation',
      'Item',
      'ItemContent',
      'ItemDetail',
      'ItemPatch',
      'Jwks',
      'ManagedUser',
      'ManagedUserPatch',
      'Metadata',
      'NewItem',
      'PasswordChange',
      'PasswordForgotten',
      'PasswordReset',
      'Registration',
      'Revocation',
      'Token',
      'TokenReference',
      'User',
      'UserDeletion',
      'UserPatch',
      'UserRemoval',
      'ValidationError',
    ])
    t.notMatch(response.body, /"def-\d/)
    t.same(document.components.securitySchemes, {
      OAuth2PasswordBearer: { type: 'oauth2', flows: { password: { scopes: {}, tokenUrl: 'token' } } },
    })
  })

  t.test('describes every operation and its responses, with examples', async (t) => {
    for (const { operationId, summary, description, tags, responses } of operations) {
      t.ok(operationId && summary && description && tags?.length === 1, `${operationId}`)
      t.ok(
        Object.keys(responses).some((status) => /^2/.test(status)) && '500' in responses,
        `${operationId} has responses 2xx and 500`,
      )
      for (const [status, { content }] of Object.entries(responses)) {
        if (!content) continue
        if (!content['application/json']) continue
        const { schema, examples } = content['application/json']
        const named =
          document.components.schemas[String((schema.$ref ?? schema.items?.$ref)?.split('/').at(-1))]
        t.ok(examples ?? schema.examples ?? named?.examples, `${operationId} ${status} has an example`)
      }
    }
  })

  t.test('declares which operations require a token, and how they refuse requests', async (t) => {
    const guarded = operations.filter(({ security }) => security)
    for (const { security, responses } of guarded) {
      t.same(security, [{ OAuth2PasswordBearer: [] }])
      for (const status of ['400', '401', '403', '500', '503']) t.ok(status in responses, status)
    }
  })

  t.test('lists how a login fails', async (t) => {
    const responses = document.paths['/token']?.post?.responses ?? {}
    t.same(Object.keys(responses), ['200', '400', '401', '422', '429', '500', '503'])
  })
})

t.test('the pages load nothing from other hosts', async (t) => {
  const app = await startApp(t)
  for (const page of ['/docs', '/redoc', '/docs/oauth2-redirect']) {
    const { body, headers } = await app.inject(page)
    t.match(headers['content-security-policy'], "default-src 'self'", page)
    t.notMatch(body, /(src|href)="(https?:)?\/\//, page)
    for (const [, asset = ''] of body.matchAll(/(?:src|href)="([^"]+)"/g))
      t.equal((await app.inject(asset)).statusCode, 200, asset)
  }
  t.equal((await app.inject('/docs/assets/../../../package.json')).statusCode, 404)
  t.equal((await app.inject('/docs/assets/absent.js')).statusCode, 404)
})

t.test('the document, the pages and their assets are cacheable', async (t) => {
  const app = await startApp(t)
  for (const [url, type] of [
    ['/openapi.json', 'application/json; charset=utf-8'],
    ['/docs', 'text/html; charset=utf-8'],
    ['/docs/oauth2-redirect', 'text/html; charset=utf-8'],
    ['/redoc', 'text/html; charset=utf-8'],
    ['/docs/assets/swagger-ui-bundle.js', 'text/javascript; charset=utf-8'],
    ['/docs/assets/swagger-ui.css', 'text/css; charset=utf-8'],
    ['/docs/assets/redoc.standalone.js', 'text/javascript; charset=utf-8'],
    ['/docs/assets/favicon-32x32.png', 'image/png'],
  ] as const) {
    const { statusCode, headers, rawPayload } = await app.inject(url)
    t.equal(statusCode, 200, url)
    t.equal(headers['content-type'], type, url)
    t.match(headers.etag, /^"[\w-]{43}"$/, url)

    const head = await app.inject({ method: 'HEAD', url })
    t.equal(head.headers['content-length'], String(rawPayload.length), url)
    t.equal(head.headers.etag, headers.etag, url)
    t.equal(head.body, '')

    const again = await app.inject({ url, headers: { 'if-none-match': String(headers.etag) } })
    t.equal(again.statusCode, 304, url)
    t.equal(again.headers.etag, headers.etag, url)
    t.equal(again.headers['content-type'], undefined, url)
    t.equal(again.headers['content-length'], undefined, url)
    t.equal((await app.inject({ url, headers: { 'if-none-match': '"another"' } })).statusCode, 200, url)
  }
})

t.test('the document lists the responses about items, and which parameters are optional', async (t) => {
  const app = await startApp(t)
  const { paths } = (await app.inject('/openapi.json')).json<{
    paths: Record<
      string,
      Record<string, { responses: object; parameters?: { name: string; required?: boolean }[] }>
    >
  }>()
  const statusesOf = (path: string, method: string) => Object.keys(paths[path]?.[method]?.responses ?? {})
  for (const [path, method] of [
    ['/users/me/items/', 'post'],
    ['/users/me/items/{item_id}', 'put'],
    ['/users/me/items/{item_id}', 'patch'],
  ] as const)
    t.match(statusesOf(path, method).join(), /400,.*413,415,/, `${method} ${path}`)
  t.match(statusesOf('/users/me/items/import', 'post').join(), /413,415,422,429/)
  for (const [path, method] of [
    ['', 'get'],
    ['', 'post'],
    ['export', 'get'],
    ['import', 'post'],
    ['{item_id}', 'put'],
  ] as const) {
    t.ok(statusesOf(`/users/{username}/items/${path}`, method).includes('404'), `${method} ${path}`)
    if (path !== '{item_id}') t.notOk(statusesOf(`/users/me/items/${path}`, method).includes('404'))
  }
  for (const operation of Object.values(paths).flatMap((path) => Object.values(path)))
    for (const { name, required = false } of operation.parameters ?? [])
      t.equal(required, ['username', 'item_id'].includes(name), name)
})
