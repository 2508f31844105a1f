import { type Static, type TSchema, Type } from 'typebox'

/** Points at a schema that is registered under its `$id`, keeping its static type. */
export function ref<T extends TSchema>(schema: T, options: { description?: string } = {}) {
  return Type.Unsafe<Static<T>>({ $ref: `${(schema as { $id?: string }).$id}#`, ...options })
}

/** What FastAPI's document says of every answer that is no error. */
export const success = { description: 'Successful Response' }

/** A string or null. One type list instead of `anyOf`, which would be tried out on each answer. */
export function nullableString(options: { maxLength: number; description: string }) {
  return nullable(Type.String(options))
}

/** What a schema of strings takes, or null. */
export function nullable(schema: TSchema) {
  return Type.Unsafe<string | null>({ ...schema, type: ['string', 'null'] })
}

interface TextOptions {
  minLength?: number
  maxLength: number
  description: string
}

/** A string that PostgreSQL can store: it has neither NUL nor half a surrogate pair. For what names stored things. */
export function text(options: TextOptions) {
  return Type.String({ ...options, format: 'text' })
}

/** A name or a title: text without line breaks, and without control characters, which terminals obey. */
export function singleLineText(options: TextOptions) {
  return Type.String({ ...options, format: 'single-line-text' })
}

/** Text of several lines: no control characters but tabs and line breaks. */
export function multiLineText(options: TextOptions) {
  return Type.String({ ...options, format: 'multi-line-text' })
}

/** Whether a string can be stored. */
export function isStorable(value: string): boolean {
  return !value.includes('\0') && value.isWellFormed()
}

/** Control characters, line and paragraph separators, and what changes the direction of the text behind it. */
const unfitForLine = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u

/** Whether a string can be stored as a name or a title, and shown in one line without changing what is around it. */
export function isSingleLine(value: string): boolean {
  return isStorable(value) && !unfitForLine.test(value)
}

function isMultiLine(value: string): boolean {
  return isStorable(value) && !/(?![\t\n\r])\p{Cc}/u.test(value)
}

/** The formats of the schemas above, for the validator. */
export const textFormats = {
  text: isStorable,
  'single-line-text': isSingleLine,
  'multi-line-text': isMultiLine,
}

/** Whether a string is a UUID as we write them: in lower case. */
export function isUuid(value: string): boolean {
  return /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/.test(value)
}

/** A member that may be left out, as it has a default. */
export function defaulted<T extends TSchema>(schema: T): T {
  return Type.Optional(schema) as TSchema as T
}

/** The body of every error but invalid input. */
export const HttpError = Type.Object(
  {
    detail: Type.String({ description: 'What went wrong, for people.' }),
    error: Type.Optional(Type.String({ description: 'OAuth 2.0 error code (RFC 6749 §5.2).' })),
    error_description: Type.Optional(
      Type.String({ description: 'The same as `detail`, for OAuth clients.' }),
    ),
  },
  { $id: 'HTTPError' },
)

/** One complaint about the input, in FastAPI's words. */
export const ValidationError = Type.Object(
  {
    type: Type.String({ description: 'What is wrong, for machines.' }),
    loc: Type.Array(Type.Union([Type.String(), Type.Integer()]), {
      description: 'Where: the part of the request, then the path within it.',
    }),
    msg: Type.String({ description: 'What is wrong, for people.' }),
    input: Type.Null({ description: 'Never what was sent: that may be a secret.' }),
  },
  { $id: 'ValidationError' },
)

/** One problem with the input. */
export type ValidationIssue = Static<typeof ValidationError>

/** The body that answers invalid input, known to clients generated from a FastAPI service. */
export const HttpValidationError = Type.Object(
  {
    detail: Type.Array(ref(ValidationError)),
    error: Type.Optional(Type.String({ description: 'OAuth 2.0 error code (RFC 6749 §5.2).' })),
    error_description: Type.Optional(Type.String({ description: 'What went wrong, for OAuth clients.' })),
  },
  { $id: 'HTTPValidationError' },
)
