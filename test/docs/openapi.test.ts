import { readFileSync } from 'node:fs'
import { Validator } from '@seriousme/openapi-schema-validator'
import t from 'tap'
import { toClientsProfile } from '../../src/docs/clients-profile.js'
import { downgrade } from '../../src/docs/downgrade.js'
import { startApp } from '../helpers/app.js'

t.test('docs/openapi.json is the document that the service answers', async (t) => {
  const app = await startApp(t)
  const committed = readFileSync('docs/openapi.json', 'utf8')
  const served = (await app.inject('/openapi.json')).json<object>()
  const hint = 'write it again with: npm run docs:openapi'
  t.same(JSON.parse(committed), served, hint)
  t.equal(committed, `${JSON.stringify(served, null, 2)}\n`, hint)
})

t.test('the document is valid in each version and profile', async (t) => {
  const app = await startApp(t)
  for (const query of ['', 'version=3.1', 'profile=clients', 'version=3.0', 'version=3.0&profile=clients']) {
    const document = (await app.inject(`/openapi.json?${query}`)).json<Record<string, unknown>>()
    t.match(document, { openapi: query.includes('3.0') ? '3.0.3' : '3.1.0' }, query)
    t.match(await new Validator().validate(document), { valid: true, errors: undefined }, query)
  }
  for (const query of ['version=2.0', 'version=', 'version=3.0&version=3.1', 'profile=x'])
    t.equal((await app.inject(`/openapi.json?${query}`)).statusCode, 422, query)
  t.equal((await app.inject('/openapi.json?anything=else')).statusCode, 200)
})

t.test('keywords of OpenAPI 3.1 become those of 3.0', async (t) => {
  const schemas = {
    nullable: { type: ['string', 'null'], examples: ['a', 'b'] },
    empty: { type: 'null', description: 'nothing' },
    several: { type: ['string', 'integer', 'null'] },
    only: { const: 'x', default: { const: 'data' } },
    bounds: { type: 'number', exclusiveMinimum: 0, exclusiveMaximum: 9 },
    patterns: { allOf: [{ pattern: '^[a-z]$' }, { type: 'string', pattern: '^\\p{L}$' }] },
    sibling: { $ref: '#/components/schemas/only', description: 'more' },
    reference: { $ref: '#/components/schemas/only' },
    named: {
      type: 'object',
      properties: { type: { type: 'null' }, const: {}, $id: {} },
      contentEncoding: 'base64',
    },
    unexplained: { examples: [] },
  }
  const document = {
    openapi: '3.1.0',
    jsonSchemaDialect: 'x',
    'x-kept': { const: 1 },
    components: { schemas },
  }
  t.strictSame(downgrade(document), {
    openapi: '3.0.3',
    'x-kept': { const: 1 },
    components: {
      schemas: {
        nullable: { type: 'string', nullable: true, example: 'a' },
        empty: { description: 'nothing', nullable: true, enum: [null] },
        several: {
          oneOf: [
            { type: 'string', nullable: true },
            { type: 'integer', nullable: true },
          ],
        },
        only: { enum: ['x'], default: { const: 'data' } },
        bounds: { type: 'number', minimum: 0, exclusiveMinimum: true, maximum: 9, exclusiveMaximum: true },
        patterns: { allOf: [{ pattern: '^[a-z]$' }, { type: 'string' }] },
        sibling: { allOf: [{ $ref: '#/components/schemas/only' }], description: 'more' },
        reference: { $ref: '#/components/schemas/only' },
        named: {
          type: 'object',
          properties: { type: { nullable: true, enum: [null] }, const: {}, $id: {} },
        },
        unexplained: {},
      },
    },
  })
})

t.test('its version is that of package.json', async (t) => {
  const app = await startApp(t)
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
  t.match((await app.inject('/openapi.json')).json(), { info: { version } })
})

t.test(
  'the profile for clients lets a token request have any grant type, and names its methods',
  async (t) => {
    const app = await startApp(t)
    const document = (await app.inject('/openapi.json')).json<object>()
    const profile = toClientsProfile(document)
    const form = {
      'application/x-www-form-urlencoded': { schema: { $ref: '#/components/schemas/TokenRequest' } },
    }
    t.match(profile, {
      paths: {
        '/token': { post: { operationId: 'request_token', requestBody: { content: form }, security: [] } },
        '/users/me/': { get: { operationId: 'read_current_user' } },
        '/users/me/items/': { get: { operationId: 'list_own_items' } },
      },
      components: {
        securitySchemes: { ClientBasic: undefined },
        schemas: {
          TokenRequest: { properties: { grant_type: {} }, required: undefined },
          Introspection: { properties: { aud: { type: 'string' } } },
        },
      },
    })
    t.notMatch(JSON.stringify(profile), 'uniqueItems')
    const binary = { content: { 'application/x-ndjson': { schema: { format: 'binary' } } } }
    t.match(profile, { paths: { '/users/me/items/import': { post: { requestBody: binary } } } })
  },
)
