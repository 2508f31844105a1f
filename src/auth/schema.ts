import { Type } from 'typebox'

/** No field of a form can be longer than the largest body that is read. */
export const maxFormBytes = 16_384

const field = (description: string) => Type.String({ maxLength: maxFormBytes, description })

/** The form of `POST /token` (RFC 6749 §4.3.2), named as FastAPI names it in the documents clients were made from. */
export const TokenForm = Type.Object(
  {
    grant_type: Type.Optional(field('`password`, or left out as in the tutorial.')),
    username: field('The name of the user who signs in.'),
    password: Type.String({
      maxLength: maxFormBytes,
      format: 'password',
      description: "The user's password.",
    }),
    scope: Type.Optional(field('The scope asked for; every token has the same one so far.')),
    client_id: Type.Optional(field('Taken for the sake of clients that send it.')),
    client_secret: Type.Optional(field('Taken for the sake of clients that send it.')),
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
    expires_in: Type.Integer({ description: 'Seconds until the token expires.' }),
  },
  {
    $id: 'Token',
    examples: [
      { access_token: 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.…', token_type: 'bearer', expires_in: 1800 },
    ],
  },
)
