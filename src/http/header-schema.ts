import { type TSchema, Type } from 'typebox'

/** The response headers that operations document, by the spelling of their standards. */
const headers = {
  'Accept-Encoding': Type.String({ description: 'The content codings that a request may have (RFC 7694).' }),
  ETag: Type.String({ description: 'Entity tag of the current state, for `If-Match` and `If-None-Match`.' }),
  'Idempotency-Replayed': Type.Literal('true', {
    description: 'The response is that of an earlier request with the same `Idempotency-Key`.',
  }),
  Link: Type.String({
    description: 'URL of the next page with `rel="next"`, if there is one (RFC 8288).',
  }),
  Location: Type.String({ description: 'Path of the created resource.' }),
  'Retry-After': Type.Integer({ minimum: 0, description: 'Time to wait before another request (seconds).' }),
  'WWW-Authenticate': Type.String({ description: 'How to authenticate (RFC 6750 §3, RFC 7617 §2).' }),
} satisfies Record<string, TSchema>

export type HeaderName = keyof typeof headers

/** Returns the schemas of response headers. */
export function documentHeaders(...names: HeaderName[]): Partial<Record<HeaderName, TSchema>> {
  return Object.fromEntries(names.map((name) => [name, headers[name]]))
}
