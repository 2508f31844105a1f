import AjvCompiler from '@fastify/ajv-compiler'
import { textFormats } from './schema.js'
import { maxIssues } from './validation-issues.js'

/** Options of all validators: values are taken as they are sent. */
export const ajvOptions = { coerceTypes: false, removeAdditional: false, formats: textFormats } as const

/** Maximum number of members and elements of an input of which all issues are collected. */
const maxNodes = 64

type ValidatorFactory = AjvCompiler.BuildCompilerFromPool
type Validator = ReturnType<ReturnType<ValidatorFactory>>
type Schemas = Parameters<ValidatorFactory>[0]

/**
 * Creates Fastify's validators with bounded work: each stops at the first issue. Only if the input is small, or becomes
 * small without most of its unknown members, are all issues collected afterwards, as FastAPI lists them.
 */
export function boundValidators(): ValidatorFactory {
  const build = AjvCompiler()
  return function buildValidator(externalSchemas, options) {
    const customOptions: AjvCompiler.Options = { ...(options?.customOptions as object), allErrors: true }
    return function compileBounded(route) {
      // Both are compiled on first use, so that they do not slow down the start.
      let isValid: Validator | undefined
      let thorough: Validator | undefined
      function findAll(data: unknown): Validator {
        thorough ??= build(externalSchemas, { customOptions })(route)
        thorough(data)
        return thorough
      }
      const validate = function validateBounded(data: unknown): boolean {
        isValid ??= build(externalSchemas, options)(route)
        if (isValid(data)) return true
        const known = propertiesOf((route as AjvCompiler.RouteDefinition).schema, externalSchemas)
        const cut = cutUnknown(data, known)
        const { errors } = isSmall(cut) ? findAll(cut) : isValid
        Object.assign(validate, { errors })
        return false
      } as Validator
      return validate
    }
  }
}

/** Returns the names of the members of a schema, or of the one that it refers to. */
function propertiesOf(schema: unknown, externalSchemas: Schemas): Set<string> {
  const { $ref, properties = {} } = schema as { $ref?: string; properties?: object }
  if ($ref !== undefined) return propertiesOf(externalSchemas[$ref.replace(/#$/, '')], externalSchemas)
  return new Set(Object.keys(properties))
}

/**
 * Returns an object with at most `maxIssues` of its unknown members, without their values. Returns any other value
 * unchanged.
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
  for (let nodes = 0; open.length > 0; ) {
    const next = open.pop()
    if (typeof next !== 'object' || next === null) continue
    for (const key in next) {
      nodes += 1
      if (nodes > maxNodes) return false
      open.push((next as Record<string, unknown>)[key])
    }
  }
  return true
}
