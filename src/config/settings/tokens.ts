import { Type } from 'typebox'
import { choice, choices, duration, flag, keySecret, text, url } from './kinds.js'

const grants = ['password', 'refresh_token', 'client_credentials'] as const

export const tokenSettings = {
  ISSUER: Type.Optional(
    url(
      /^https?:\/\/[A-Za-z0-9.:[\]-]+$/,
      {
        description:
          'Origin under which clients reach Latchkey: the `iss` of its tokens, and the base of its metadata and of links in mail. Production requires it, with https unless it is localhost.',
        whenUnset: '`http://localhost:` and the port',
        maxLength: 255,
        example: 'https://latchkey.example.com',
        since: '0.1.0',
      },
      'an origin that begins with https:// or http:// and has no path',
    ),
  ),

  AUDIENCE: Type.Optional(
    text({
      description: 'The `aud` of access tokens.',
      whenUnset: 'the issuer',
      maxLength: 255,
      example: 'https://api.example.com',
      since: '0.1.0',
    }),
  ),

  ALLOWED_GRANTS: choices(grants, {
    description: 'Grants that this deployment allows.',
    default: grants,
    example: 'password refresh_token',
    since: '0.1.0',
  }),

  ACCESS_TOKEN_EXPIRE_MINUTES: duration('minutes', {
    description: 'Lifetime of an access token.',
    default: 30,
    minimum: 1,
    maximum: 525_600,
    example: '15',
    since: '0.1.0',
  }),

  REFRESH_TOKEN_IDLE_MINUTES: duration('minutes', {
    description: 'Time within which a refresh token must be used. The default is 14 days.',
    default: 20_160,
    minimum: 1,
    maximum: 5_256_000,
    example: '10080',
    since: '0.1.0',
  }),

  REFRESH_TOKEN_EXPIRE_MINUTES: duration('minutes', {
    description: 'Time after a login for which it can be refreshed. The default is 90 days.',
    default: 129_600,
    minimum: 1,
    maximum: 5_256_000,
    example: '43200',
    since: '0.1.0',
  }),

  REFRESH_TOKEN_GRACE_SECONDS: duration('seconds', {
    description:
      'Time for which a used refresh token gets the newest one of its login, in case the first response was lost.',
    default: 10,
    minimum: 0,
    maximum: 60,
    example: '30',
    since: '0.1.0',
  }),

  SIGNING_ALGORITHM: choice(['ES256', 'RS256'], {
    description: 'Algorithm of new signing keys. The next key after a change takes over as in any rotation.',
    default: 'ES256',
    example: 'RS256',
    since: '0.1.0',
  }),

  KEY_ROTATION_DAYS: duration('days', {
    description: 'Time for which a key signs before the next one takes over.',
    default: 30,
    minimum: 1,
    maximum: 3_650,
    example: '90',
    since: '0.1.0',
  }),

  JWKS_MAX_AGE_SECONDS: duration('seconds', {
    description:
      'Time for which others may cache the public keys. A new key is published at least that long before it signs.',
    default: 300,
    minimum: 1,
    maximum: 86_400,
    example: '600',
    since: '0.1.0',
  }),

  STATUS_LISTS: flag({
    description:
      'Whether access tokens name an entry of a published list, by which other services see within seconds that a token was revoked (Token Status List). Not with `JWT_SECRET`.',
    default: true,
    example: 'false',
    since: 'unreleased',
  }),

  KEY_ENCRYPTION_SECRET: Type.Optional(
    keySecret({
      description:
        'Encrypts the private keys in the database. `openssl rand -base64 32` makes one. Production requires it, unless `JWT_SECRET` is set.',
      whenUnset: 'in production `JWT_SECRET`, else a published secret',
      since: '0.1.0',
    }),
  ),

  KEY_ENCRYPTION_SECRET_PREVIOUS: Type.Optional(
    keySecret({
      description:
        'The former `KEY_ENCRYPTION_SECRET`, while it is being [replaced](operations.md#signing-keys).',
      whenUnset: 'keys under another secret cannot be decrypted',
      since: '0.1.0',
    }),
  ),

  JWT_SECRET: Type.Optional(
    keySecret({
      description:
        'Shared secret that signs and verifies access tokens (HS256), as the `SECRET_KEY` of the FastAPI tutorial does. It replaces the key ring.',
      whenUnset: 'the key ring signs',
      since: '0.1.0',
    }),
  ),
}
