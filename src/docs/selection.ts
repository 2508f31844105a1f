import { type Static, Type } from 'typebox'
import { textEnum } from '../http/schema.js'
import { toClientsProfile } from './clients-profile.js'
import { downgrade } from './downgrade.js'

/** Versions of OpenAPI in which the document is available. The first one is the default. */
export const versions = ['3.1', '3.0'] as const

/** Profiles of the document beside the default, which keeps the names and shapes of FastAPI's. */
export const profiles = ['clients'] as const

/** Query parameters of `/openapi.json`. */
export const DocumentQuery = Type.Object(
  {
    version: Type.Optional(textEnum(versions, { description: 'Version of OpenAPI.' })),
    profile: Type.Optional(
      textEnum(profiles, {
        description: '`clients`: for generators of clients that use more than the tutorial.',
      }),
    ),
  },
  { additionalProperties: true },
)

/** Returns the document in a version and a profile. @param document in the default version and profile */
export function selectDocument(document: object, { version, profile }: Static<typeof DocumentQuery>): object {
  const profiled = profile === 'clients' ? toClientsProfile(document) : document
  return version === '3.0' ? downgrade(profiled) : profiled
}
