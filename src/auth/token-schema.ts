import { Type } from 'typebox'

/** Maximum size of a request body that is a form (bytes), and so the maximum length of a field. */
export const maxFormBytes = 16_384

const field = (description: string) => Type.String({ maxLength: maxFormBytes, description })

/** Fields by which a client authenticates: with its secret, or with an assertion (RFC 7521 §4.2). */
const clientFields = {
  client_id: Type.Optional(field('The client id, unless it is sent by HTTP Basic authentication.')),
  client_secret: Type.Optional(field('The client secret, unless it is sent by HTTP Basic authentication.')),
  client_assertion: Type.Optional(
    field('A JWT in place of the secret: the client signed it, or its platform issued it.'),
  ),
  client_assertion_type: Type.Optional(
    field('`urn:ietf:params:oauth:client-assertion-type:jwt-bearer`, with a `client_assertion`.'),
  ),
}

/**
 * Form of `POST /token`. Its name and its required fields are those of FastAPI's document, which clients were generated
 * from: they fit the password grant (RFC 6749 §4.3.2). The other grants check their parameters themselves.
 */
export const TokenForm = Type.Object(
  {
    grant_type: Type.Optional(
      field(
        '`password` requires `username` and `password`, `refresh_token` requires the parameter of that name, and ' +
          '`client_credentials` requires a confidential client. Defaults to `password`, with the responses of the FastAPI tutorial.',
      ),
    ),
    username: field("The user's name, for the grant type `password`."),
    password: Type.String({
      maxLength: maxFormBytes,
      format: 'password',
      description: "The user's password, for the grant type `password`.",
    }),
    refresh_token: Type.Optional(field('The refresh token, for the grant type `refresh_token`.')),
    scope: Type.Optional(
      field(
        'The requested scope. Defaults to `me items:read items:write` for a user. Ignored without a `grant_type`.',
      ),
    ),
    resource: Type.Optional(
      field(
        'Identifier of the service that the token is for (RFC 8707). Defaults to the one that the scope belongs to. Ignored without a `grant_type`.',
      ),
    ),
    ...clientFields,
  },
  {
    $id: 'Body_login_for_access_token_token_post',
    examples: [{ grant_type: 'password', username: 'johndoe', password: 'secret' }],
  },
)

/** Successful response of `POST /token` (RFC 6749 §5.1). */
export const Token = Type.Object(
  {
    access_token: Type.String({ description: 'Send it as `Authorization: Bearer …`.' }),
    token_type: Type.Literal('bearer'),
    expires_in: Type.Integer({ description: 'Lifetime of the access token in seconds.' }),
    scope: Type.Optional(
      Type.String({ description: 'The scope of the token, if it differs from the requested scope.' }),
    ),
    refresh_token: Type.Optional(
      Type.String({ description: 'Can be exchanged once for a new access token and a new refresh token.' }),
    ),
  },
  {
    $id: 'Token',
    examples: [
      {
        access_token: 'eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.…',
        token_type: 'bearer',
        expires_in: 1800,
        scope: 'me items:read items:write',
        refresh_token: 'lkr_…',
      },
    ],
  },
)

/** Printable ASCII (RFC 6749 appendix A). */
const visible = (description: string) =>
  Type.String({ minLength: 1, maxLength: maxFormBytes, pattern: '^[\\x20-\\x7E]+$', description })

/** Form of `POST /revoke` (RFC 7009 §2.1) and of `POST /introspect` (RFC 7662 §2.1). */
export const TokenReference = Type.Object(
  {
    token: visible('An access token or a refresh token.'),
    token_type_hint: Type.Optional(
      field('`access_token` or `refresh_token`. Ignored, as the two kinds are told apart without it.'),
    ),
    ...clientFields,
  },
  { $id: 'TokenReference', examples: [{ token: 'lkr_tGzv3JOkF0XG5Qx2TlKWIA' }] },
)

/** Successful response of `POST /revoke`: the status carries all the information (RFC 7009 §2.2). */
export const Revocation = Type.Object({}, { $id: 'Revocation', examples: [{}] })

/** Response of `POST /introspect` (RFC 7662 §2.2). For an inactive token it has no member but `active`. */
export const Introspection = Type.Object(
  {
    active: Type.Boolean({ description: 'Whether the token is valid now.' }),
    scope: Type.Optional(Type.String({ description: 'The scope of the token.' })),
    client_id: Type.Optional(Type.String({ description: 'The client that the token was issued to.' })),
    username: Type.Optional(Type.String({ description: 'The user that the token speaks for, if any.' })),
    token_type: Type.Optional(Type.Literal('Bearer')),
    exp: Type.Optional(Type.Number({ description: 'Expiry in seconds since 1970.' })),
    iat: Type.Optional(Type.Number({ description: 'Time of issue in seconds since 1970.' })),
    sub: Type.Optional(Type.String({ description: 'The subject that the token speaks for.' })),
    aud: Type.Optional(Type.Unsafe<string | string[]>({ oneOf: [Type.String(), Type.Array(Type.String())] })),
    iss: Type.Optional(Type.String({ description: 'The issuer.' })),
    jti: Type.Optional(Type.String({ description: 'Unique id of the token.' })),
  },
  { $id: 'Introspection', examples: [{ active: false }] },
)
