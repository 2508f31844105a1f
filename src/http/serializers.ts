import { SerializerSelector } from '@fastify/fast-json-stringify-compiler'

type SerializerFactory = ReturnType<typeof SerializerSelector>

/**
 * Fastify's serializers, but each schema is compiled once: all routes together have some hundred answers, most of them
 * the same few errors. A schema that refers to another by its `$id` means the same in every scope of ours.
 */
export function shareSerializers(): SerializerFactory {
  const build = SerializerSelector()
  const compiled = new Map<string, ReturnType<ReturnType<SerializerFactory>>>()
  return function buildSerializer(externalSchemas, options) {
    const compile = build(externalSchemas, options)
    return function compileOnce(route) {
      const key = JSON.stringify(route.schema)
      const serialize = compiled.get(key) ?? compile(route)
      compiled.set(key, serialize)
      return serialize
    }
  }
}
