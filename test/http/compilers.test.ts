import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import AjvCompiler from '@fastify/ajv-compiler'
import { SerializerSelector } from '@fastify/fast-json-stringify-compiler'
import type { AnySchema } from 'ajv'
import type { FastifyInstance, FastifySchema } from 'fastify'
import t from 'tap'
import { compileOnce } from '../../src/http/compilers.js'
import { textFormats } from '../../src/http/schema.js'
import { startApp } from '../helpers/app.js'

interface Route {
  schema: object
}

t.test('what a schema compiles to is shared where schema, shared schemas and options are the same', (t) => {
  const built: string[] = []
  const build = compileOnce((shared: object, options: object) => {
    built.push(`scope ${JSON.stringify([shared, options])}`)
    return function compile({ schema }: Route) {
      built.push(JSON.stringify(schema))
      return { schema, shared, options }
    }
  })
  const [text, other] = [{ schema: { type: 'string' } }, { schema: { type: 'number' } }]
  const first = build({}, {})(text)
  t.equal(build({}, {})({ schema: { type: 'string' } }), first, 'in another app')
  t.not(build({}, {})(other), first, 'another schema')
  t.not(build({ Item: {} }, {})(text), first, 'other shared schemas')
  t.not(build({}, { coerceTypes: true })(text), first, 'other options')
  t.equal(built.filter((what) => what === '{"type":"string"}').length, 3)
  t.end()
})

t.test('every schema of the service compiles, although it is compiled only when it is used', async (t) => {
  const schemas: FastifySchema[] = []
  const collect = (message: unknown) =>
    (message as { fastify: FastifyInstance }).fastify.addHook('onRoute', ({ schema }) => {
      if (schema) schemas.push(schema)
    })
  subscribe('fastify.initialization', collect)
  t.teardown(() => unsubscribe('fastify.initialization', collect))
  const app = await startApp(t)
  const scope = app.getSchemas() as Record<string, AnySchema>
  const compileValidator = AjvCompiler()(scope, { customOptions: { formats: textFormats } })
  const compileSerializer = SerializerSelector()(scope, {})
  const compiled = { validators: 0, serializers: 0 }
  const route = { method: 'GET', url: '/', httpStatus: '200' }
  for (const { body, querystring, params, headers, response = {} } of schemas) {
    for (const schema of contentsOf([body, querystring, params, headers])) {
      t.type(compileValidator({ ...route, schema }), 'function')
      compiled.validators += 1
    }
    for (const schema of contentsOf(Object.values(response as object))) {
      t.type(compileSerializer({ ...route, schema }), 'function')
      compiled.serializers += 1
    }
  }
  t.ok(compiled.validators > 50, `${compiled.validators} validators`)
  t.ok(compiled.serializers > 300, `${compiled.serializers} serializers`)
})

/** Returns the schemas themselves, and those of each content type where a schema has several. */
function contentsOf(schemas: unknown[]): AnySchema[] {
  return schemas.flatMap((schema) => {
    const { content } = (schema ?? {}) as { content?: Record<string, { schema: AnySchema }> }
    if (content) return Object.values(content).map((one) => one.schema)
    return schema ? [schema as AnySchema] : []
  })
}
