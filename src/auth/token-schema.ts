import { Type } from 'typebox'

/** No field of a form can be longer than the largest body that is read. */
export const maxFormBytes = 16_384

const field = (description: string) => Type.String({ maxLength: maxFormBytes, description })

/**
 * The form of `POST /token`, named and bounded as FastAPI does it in the documents clients were made from: what is
 * required is so for the password grant (RFC 6749 §4.3.2). The other grants check their parameters themselves.
 */
export const TokenForm = Type.Object(
  {
    grant_type: Type.Optional(
      field(
        '`password`, `refresh_token` or `client_credentials`; left out it is the first, as in the tutorial.',
      ),
    ),
    username: field('The name of the user who signs in.'),
    password: Type.String({
      maxLength: maxFormBytes,
      format: 'password',
      description: "The user's password.",
    }),
    refresh_token: Type.Optional(field('The refresh token, for the grant of that name.')),
    scope: Type.Optional(
      field(
        'The scope asked for; left out it is `me items:read items:write` for a user. Without a `grant_type` it is ignored.',
      ),
    ),
    client_id: Type.Optional(field('The client, unless it is named by HTTP Basic.')),
    client_secret: Type.Optional(field('Its secret, unless that is sent by HTTP Basic.')),
  },
  {
    $id: 'Body_login_for_access_token_token_post',
    examples: [{ grant_type: 'password', username: 'johndoe', password: 'secret' }],
  },
)

/** A successful answer of `POST /token` (RFC 6749 §5.1). */
export const Token = Type.Object(
  {
    access_token: Type.String({ description: 'Send it as `Authorization: Bearer …`.' }),
    token_type: Type.Literal('bearer'),
    expires_in: Type.Integer({ description: 'Seconds until the access token expires.' }),
    scope: Type.Optional(
      Type.String({ description: 'What the token is good for, when that is not what was asked for.' }),
    ),
    refresh_token: Type.Optional(
      Type.String({ description: 'Gets the next access token, once, and then its own successor.' }),
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

/** RFC 6749 appendix A: printable ASCII. */
const visible = (description: string) =>
  Type.String({ minLength: 1, maxLength: maxFormBytes, pattern: '^[\\x20-\\x7E]+$', description })

/** The form of `POST /revoke` (RFC 7009 §2.1) and of `POST /introspect` (RFC 7662 §2.1). */
export const TokenReference = Type.Object(
  {
    token: visible('An access token or a refresh token.'),
    token_type_hint: Type.Optional(
      field('`access_token` or `refresh_token`. Tokens are told apart without it.'),
    ),
    client_id: Type.Optional(field('The client, unless it is named by HTTP Basic.')),
    client_secret: Type.Optional(field('Its secret, unless that is sent by HTTP Basic.')),
  },
  { $id: 'TokenReference', examples: [{ token: 'lkr_…' }] },
)

/** The answer of `POST /revoke`: its status says it all (RFC 7009 §2.2). */
export const Revocation = Type.Object({}, { $id: 'Revocation', examples: [{}] })

/** The answer of `POST /introspect` (RFC 7662 §2.2): of a token that is not active, that and nothing else. */
export const Introspection = Type.Object(
  {
    active: Type.Boolean({ description: 'Whether the token is good now.' }),
    scope: Type.Optional(Type.String({ description: 'What it is good for.' })),
    client_id: Type.Optional(Type.String({ description: 'The client it was issued to.' })),
    username: Type.Optional(Type.String({ description: 'The user it speaks for, if it is one.' })),
    token_type: Type.Optional(Type.Literal('Bearer')),
    exp: Type.Optional(Type.Number({ description: 'Seconds since 1970 when it expires.' })),
    iat: Type.Optional(Type.Number({ description: 'Seconds since 1970 when it was issued.' })),
    sub: Type.Optional(Type.String({ description: 'Whom it speaks for.' })),
    aud: Type.Optional(
      Type.Unsafe<string | string[]>({ type: ['string', 'array'], items: { type: 'string' } }),
    ),
    iss: Type.Optional(Type.String({ description: 'Who issued it.' })),
    jti: Type.Optional(Type.String({ description: 'Names this token alone.' })),
  },
  { $id: 'Introspection', examples: [{ active: false }] },
)
