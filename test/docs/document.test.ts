import t from 'tap'
import { userScopes } from '../../src/auth/scope.js'
import { grantableScopes } from '../../src/users/scopes.js'
import { startApp } from '../helpers/app.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase } from '../helpers/database.js'

interface Operation {
  operationId?: string
  summary?: string
  description?: string
  tags?: string[]
  security?: object[]
  parameters?: {
    name: string
    in: string
    description?: string
    schema: { type?: string; not?: { type?: string } }
  }[]
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
  info: { description: string }
  tags: { name: string; description?: string }[]
  paths: Record<string, Record<string, Operation>>
  components: {
    schemas: Record<string, { examples?: unknown[] }>
    securitySchemes: { OAuth2PasswordBearer: { flows: { password: { scopes: object } } } }
  }
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
      '/',
      '/.well-known/jwks.json',
      '/.well-known/oauth-authorization-server',
      '/.well-known/oauth-protected-resource',
      '/account/check-link',
      '/account/confirm-email',
      '/account/forgot-password',
      '/account/reset-password',
      '/events/',
      '/introspect',
      '/invitations/',
      '/livez',
      '/readyz',
      '/resources/',
      '/resources/{name}',
      '/revoke',
      '/roles/',
      '/roles/{name}',
      '/status-lists',
      '/status-lists/{id}',
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
      '/users/{username}/password',
      '/users/{username}/roles/{role}',
      '/verify',
    ])
  })

  t.test('names its schemas', async (t) => {
    t.same(Object.keys(document.components.schemas).sort(), [
      'Accepted',
      'AssignedPassword',
      'AuditEvent',
      'Body_login_for_access_token_token_post',
      'CreatedUser',
      'EmailConfirmation',
      'Error',
      'ErrorCode',
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
      'LinkCheck',
      'MailedLink',
      'ManagedUser',
      'ManagedUserPatch',
      'Metadata',
      'NewItem',
      'NewResource',
      'NewRole',
      'PasswordAssignment',
      'PasswordChange',
      'PasswordForgotten',
      'PasswordReset',
      'ProtectedResource',
      'Registration',
      'Resource',
      'ResourcePatch',
      'Revocation',
      'Role',
      'RolePatch',
      'ServiceDescription',
      'StatusListAggregation',
      'Token',
      'TokenReference',
      'User',
      'UserCreation',
      'UserDeletion',
      'UserPatch',
      'UserRemoval',
      'ValidationError',
    ])
    t.notMatch(response.body, /"def-\d/)
    const { OAuth2PasswordBearer } = document.components.securitySchemes
    t.match(OAuth2PasswordBearer, { type: 'oauth2', flows: { password: { tokenUrl: 'token' } } })
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
    const withToken = operations.filter(({ security = [] }) => 'OAuth2PasswordBearer' in (security[0] ?? {}))
    for (const { security = [] } of withToken) t.match(security[0], { OAuth2PasswordBearer: [] })
    // The scope that /verify requires is in its query.
    const guarded = withToken.filter(({ operationId }) => operationId !== 'verify_request')
    t.equal(guarded.length, 41)
    for (const { responses, description } of guarded) {
      for (const status of ['400', '401', '403', '500', '503']) t.ok(status in responses, status)
      t.match(description, /Requires the scope `[\w:]+`/)
    }
    const { '400': refusals } = document.paths['/users/me/']?.delete?.responses ?? {}
    const examples = refusals?.content?.['application/json']?.examples
    t.match(Object.keys(examples ?? {}), ['incorrect_password', 'inactive_user'])
  })

  t.test('tells operations apart, and describes their tags', async (t) => {
    const summaries = operations.map(({ summary }) => summary)
    t.same(summaries.length, new Set(summaries).size)
    const described = document.tags.filter(({ description }) => description).map(({ name }) => name)
    for (const { tags = [], operationId } of operations)
      for (const tag of tags) t.ok(described.includes(tag), `${operationId} ${tag}`)
  })

  t.test('explains every scope, and says with a 403 how johndoe gets it', async (t) => {
    const { scopes } = document.components.securitySchemes.OAuth2PasswordBearer.flows.password
    t.same(Object.keys(scopes), [...userScopes, ...grantableScopes], 'those to choose from')
    t.match(document.info.description, `no scope gets\n\`${userScopes.join(' ')}\``)
    for (const [path, scope] of [
      ['/users/', 'users:admin'],
      ['/events/', 'users:admin'],
      ['/users/{username}/items/', 'items:admin'],
    ] as const)
      t.match(
        document.paths[path]?.get?.responses['403']?.description,
        `latchkey users set-scopes johndoe --add ${scope}\``,
      )
    t.notMatch(document.paths['/users/me/']?.get?.responses['403']?.description, 'johndoe')
  })

  t.test('shows the headers that an operation takes', async (t) => {
    const headersOf = (path: string, method: string) =>
      document.paths[path]?.[method]?.parameters?.filter((one) => one.in === 'header').map(({ name }) => name)
    for (const items of ['/users/me/items/', '/users/{username}/items/']) {
      t.same(headersOf(items, 'post'), ['Idempotency-Key'])
      t.same(headersOf(`${items}{item_id}`, 'get'), ['If-None-Match'])
      for (const method of ['put', 'patch', 'delete'])
        t.same(headersOf(`${items}{item_id}`, method), ['If-Match', 'If-None-Match'])
    }
  })

  t.test('states type and purpose of every parameter', async (t) => {
    for (const { operationId, parameters = [] } of operations)
      for (const { name, description, schema } of parameters) {
        t.ok(description, `${operationId} ${name}`)
        for (const { type } of [schema, schema.not ?? schema])
          t.type(type, 'string', `${operationId} ${name} has a type`)
      }
  })

  t.test('lists how a login fails', async (t) => {
    const responses = document.paths['/token']?.post?.responses ?? {}
    t.same(Object.keys(responses), [
      '200',
      '400',
      '401',
      '408',
      '413',
      '415',
      '422',
      '429',
      '431',
      '500',
      '503',
    ])
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
    ['/favicon.svg', 'image/svg+xml'],
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
    t.match(statusesOf(path, method).join(), /400,.*413,(414,)?415,/, `${method} ${path}`)
  t.match(statusesOf('/users/me/items/import', 'post').join(), /413,(414,)?415,422,429/)
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
      t.equal(required, ['username', 'id', 'item_id', 'name', 'role'].includes(name), name)
})

t.test('the commands that the document names can be run', async (t) => {
  const { body } = await (await startApp(t)).inject('/openapi.json')
  const commands = new Set([...body.matchAll(/`latchkey ([^`…]+)`/g)].map(([, command]) => String(command)))
  t.ok(commands.has('users set-scopes johndoe --add users:admin --add items:admin'))
  for (const command of commands) {
    const { status, stderr } = await runCommand(await cloneDatabase(t), command.split(' '))
    t.equal(status, 0, `${command}: ${stderr}`)
  }
})
