import { Type } from 'typebox'

const ifMatch = Type.Optional(
  Type.String({
    description:
      'Entity tags, from the header `ETag` of a response: the request succeeds only if one is current.',
  }),
)
const ifNoneMatch = (description: string) => Type.Optional(Type.String({ description }))

/** Request headers of a read that can be conditional (RFC 9110 §13.1.2). */
export const readConditions = Type.Object({
  'if-none-match': ifNoneMatch('Entity tags: if one is current, the response is 304, without content.'),
})

/** Request headers of a change that can be conditional (RFC 9110 §13.1). */
export const changeConditions = Type.Object({
  'if-match': ifMatch,
  'if-none-match': ifNoneMatch('`*`: the request succeeds only if the resource does not exist yet.'),
})
