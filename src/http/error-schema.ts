import { Type } from 'typebox'
import { errorCodes, oauthErrors } from '../errors.js'
import { ref, textEnum } from './schema.js'
import { ValidationError } from './validation-issues.js'

/** The stable codes of the errors. Clients decide by them, not by texts. */
const ErrorCodes = textEnum(errorCodes, {
  $id: 'ErrorCode',
  description: 'Stable code of an error.',
})

const code = Type.Optional(ref(ErrorCodes))

const oauthErrorCode = Type.Optional(
  textEnum(oauthErrors, {
    description: 'OAuth 2.0 error code (RFC 6749 §5.2), of the OAuth endpoints only.',
  }),
)

/** The body of every error response except those to invalid input. */
export const ErrorBody = Type.Object(
  {
    detail: Type.String({ description: 'Human-readable reason.' }),
    code,
    error: oauthErrorCode,
    error_description: Type.Optional(
      Type.String({ description: 'The same as `detail`, for OAuth clients.' }),
    ),
  },
  {
    $id: 'Error',
    description:
      'Every error has a `code`, except at the paths of the FastAPI tutorial (`POST /token`, `GET /users/me/`, ' +
      '`GET /users/me/items/`, `GET /` and the documentation) and for unknown paths, whose responses are the ' +
      "tutorial's.",
  },
)

/** The body of the response to invalid input, in the form that clients generated from a FastAPI service expect. */
export const HttpValidationError = Type.Object(
  {
    detail: Type.Array(ref(ValidationError)),
    code,
    error: oauthErrorCode,
    error_description: Type.Optional(
      Type.String({ description: 'Human-readable reason, for OAuth clients.' }),
    ),
  },
  { $id: 'HTTPValidationError', description: 'Has a `code` where `Error` has it.' },
)

/** The schemas that every error response refers to. */
export const errorSchemas = [ErrorCodes, ErrorBody, ValidationError, HttpValidationError]
