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

  t.test('lists what there is, and not the pages about it', async (t) => {
    t.match(document.openapi, /^3\.1\./)
    t.same(Object.keys(document.paths).sort(), [
      '/.well-known/jwks.json',
      '/.well-known/oauth-authorization-server',
      ...['/introspect', '/livez', '/readyz', '/revoke', '/token'],
      '/users/me/',
      '/users/me/items/',
    ])
  })

  t.test('names its schemas as clients know them', async (t) => {
    t.same(Object.keys(document.components.schemas).sort(), [
      'Body_login_for_access_token_token_post',
      ...['HTTPError', 'HTTPValidationError', 'Health', 'Introspection', 'Item', 'Jwks', 'Metadata'],
      ...['Revocation', 'Token', 'TokenReference', 'User', 'ValidationError'],
    ])
    t.notMatch(response.body, /"def-\d/)
    t.same(document.components.securitySchemes, {
      OAuth2PasswordBearer: { type: 'oauth2', flows: { password: { scopes: {}, tokenUrl: 'token' } } },
    })
  })

  t.test('says of every operation what it is called, what it answers, and shows it', async (t) => {
    for (const { operationId, summary, description, tags, responses } of operations) {
      t.ok(operationId && summary && description && tags?.length === 1, `${operationId}`)
      t.ok('200' in responses && '500' in responses, `${operationId} answers 200 and 500`)
      for (const [status, { content }] of Object.entries(responses)) {
        if (!content) continue
        const { schema, examples } = content['application/json'] ?? { schema: {} }
        const named =
          document.components.schemas[String((schema.$ref ?? schema.items?.$ref)?.split('/').at(-1))]
        t.ok(examples ?? schema.examples ?? named?.examples, `${operationId} ${status} has an example`)
      }
    }
  })

  t.test('says which operations want a token, and how those refuse', async (t) => {
    const guarded = operations.filter(({ security }) => security)
    t.same(
      guarded.map(({ operationId }) => operationId),
      ['read_users_me_users_me__get', 'read_own_items_users_me_items__get'],
    )
    for (const { security, responses } of guarded) {
      t.same(security, [{ OAuth2PasswordBearer: [] }])
      t.same(Object.keys(responses), ['200', '400', '401', '403', '500', '503'])
    }
  })

  t.test('says how the log-in fails', async (t) => {
    const responses = document.paths['/token']?.post?.responses ?? {}
    t.same(Object.keys(responses), ['200', '400', '401', '422', '500', '503'])
  })
})

t.test('the pages load nothing from another host', async (t) => {
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
