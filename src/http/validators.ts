import AjvCompiler from '@fastify/ajv-compiler'
import { textFormats } from './schema.js'
import { maxIssues } from './validation-issues.js'

/** Options of all validators: values are taken as they are sent. */
export const ajvOptions = { coerceTypes: false, removeAdditional: false, formats: textFormats } as const

/** Maximum number of members and elements of an input about which every complaint is collected. */
const maxPieces = 64

type ValidatorFactory = AjvCompiler.BuildCompilerFromPool
type Validator = ReturnType<ReturnType<ValidatorFactory>>
type Schemas = Parameters<ValidatorFactory>[0]

/**
 * Creates Fastify's validators, so that their work is bounded: each stops at the first complaint. Only about a small
 * input, or what remains of it without most of its unknown members, are all complaints collected afterwards, as FastAPI
 * lists them.
 */
export function boundValidators(): ValidatorFactory {
  const build = AjvCompiler()
  return function buildValidator(externalSchemas, options) {
    const compile = build(externalSchemas, options)
    const customOptions: AjvCompiler.Options = { ...(options?.customOptions as object), allErrors: true }
    return function compileBounded(route) {
      const isValid = compile(route)
      const known = propertiesOf((route as AjvCompiler.RouteDefinition).schema, externalSchemas)
      let thorough: Validator | undefined
      /** Compiled when it is needed first: else the start would take longer. */
      function findAll(data: unknown): Validator {
        thorough ??= build(externalSchemas, { customOptions })(route)
        thorough(data)
        return thorough
      }
      const validate = function validateBounded(data: unknown): boolean {
        if (isValid(data)) return true
        const cut = cutUnknown(data, known)
        const { errors } = isSmall(cut) ? findAll(cut) : isValid
        Object.assign(validate, { errors })
        return false
      } as Validator
      return validate
    }
  }
}

/** Names of the members that a schema, or the one that it refers to, knows. */
function propertiesOf(schema: unknown, externalSchemas: Schemas): Set<string> {
  const { $ref, properties = {} } = schema as { $ref?: string; properties?: object }
  if ($ref !== undefined) return propertiesOf(externalSchemas[$ref.replace(/#$/, '')], externalSchemas)
  return new Set(Object.keys(properties))
}

/**
 * Returns an object with as many of its unknown members as complaints are listed, without their values. Any other value
 * stays as it is.
 */
function cutUnknown(value: unknown, known: Set<string>): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const members = Object.entries(value)
  const unknown = members.filter(([name]) => !known.has(name)).slice(0, maxIssues)
  return Object.fromEntries([
    ...members.filter(([name]) => known.has(name)),
    ...unknown.map(([name]) => [name, null]),
  ])
}

/** Returns whether a value has few members and elements, in all its objects and arrays together. */
function isSmall(value: unknown): boolean {
  const open = [value]
  for (let pieces = 0; open.length > 0; ) {
    const next = open.pop()
    if (typeof next !== 'object' || next === null) continue
    for (const key in next) {
      pieces += 1
      if (pieces > maxPieces) return false
      open.push((next as Record<string, unknown>)[key])
    }
  }
  return true
}
