import { SerializerSelector } from '@fastify/fast-json-stringify-compiler'
import { boundValidators } from './validators.js'

type SerializerFactory = ReturnType<typeof SerializerSelector>
type Compile<Route, Compiled> = (route: Route) => Compiled

/**
 * Returns Fastify's compiler factory with a cache: each schema is compiled once per process. All routes together have some
 * hundred responses, most of them the same few errors, and tests build many apps. What is compiled depends on the schema,
 * on the shared schemas it may refer to, and on the options, of which functions do not count: an app of ours has only one set.
 */
export function compileOnce<Scope extends unknown[], Route, Compiled>(
  build: (...scope: Scope) => Compile<Route, Compiled>,
): (...scope: Scope) => Compile<Route, Compiled> {
  const scopes = new Map<string, Map<string, Compiled>>()
  return function buildCached(...scope) {
    const scopeKey = JSON.stringify(scope)
    const compiled = scopes.get(scopeKey) ?? new Map<string, Compiled>()
    scopes.set(scopeKey, compiled)
    let compile: Compile<Route, Compiled> | undefined
    return function compileCached(route) {
      const key = JSON.stringify((route as { schema?: unknown }).schema)
      const cached = compiled.get(key)
      if (cached) return cached
      compile ??= build(...scope)
      const made = compile(route)
      compiled.set(key, made)
      return made
    }
  }
}

export const buildSerializer = compileOnce(lazySerializers())
export const buildValidator = compileOnce(boundValidators())

/** Creates Fastify's serializers. Each is compiled for the first response that has its schema: else the start would take longer. */
function lazySerializers(): SerializerFactory {
  const build = SerializerSelector()
  return function buildLazySerializer(...scope) {
    return function compileLazily(route) {
      let serialize: ReturnType<ReturnType<SerializerFactory>> | undefined
      return (data) => {
        serialize ??= build(...scope)(route)
        return serialize(data)
      }
    }
  }
}
