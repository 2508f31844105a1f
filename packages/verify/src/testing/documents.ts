import { respondNotFound, respondWith, type TestDocument } from './respond.js'
import type { SigningKeys } from './signing-keys.js'
import type { StatusEntries } from './status-list.js'

/** What the documents of a test issuer are made of. */
export interface DocumentContent {
  issuer: string
  statusListUri: string
  keys: SigningKeys
  entries: StatusEntries
  /** Returns the time (seconds since 1970). */
  now: () => number
}

/** Lifetime of a status list (seconds). */
const statusListLifetime = 600

/** Creates what answers requests for the documents of an issuer: its metadata, its JWK Set and a status list. */
export function serveDocuments(content: DocumentContent): (request: Request) => Promise<Response> {
  const { issuer, statusListUri, keys } = content
  const jwksUri = `${issuer}/.well-known/jwks.json`
  const documents: Record<string, () => TestDocument | Promise<TestDocument>> = {
    [`${issuer}/.well-known/oauth-authorization-server`]: () => toDocument({ issuer, jwks_uri: jwksUri }),
    [jwksUri]: () => toDocument({ keys: keys.publicJwks() }),
    [statusListUri]: () => signStatusList(content),
  }
  return async function respond(request) {
    const document = await documents[request.url]?.()
    return document ? respondWith(document, request) : respondNotFound()
  }
}

/** Returns a document that is cached as long as Latchkey's metadata and keys are by default. */
function toDocument(content: object): TestDocument {
  const body = JSON.stringify(content)
  return { type: 'application/json', body, version: body, maxAge: 300 }
}

/** Returns the status list token (draft-ietf-oauth-status-list §5.1), of which there is another version every minute. */
async function signStatusList({ statusListUri, keys, entries, now }: DocumentContent): Promise<TestDocument> {
  const lst = await entries.encode()
  const claims = { sub: statusListUri, iat: now(), exp: now() + statusListLifetime, ttl: 3 }
  const body = await keys.sign({ ...claims, status_list: { bits: 1, lst } }, { typ: 'statuslist+jwt' })
  const version = `${lst} ${Math.floor(now() / 60)}`
  return { type: 'application/statuslist+jwt', body, version, maxAge: 1 }
}
