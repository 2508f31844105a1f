import { ClientError } from '../errors/client-error.js'
import { createRenewable, type Renewable, type RenewalConfig } from '../tokens/renewable.js'
import { type ExchangeConfig, type Exchanged, exchange, unexpectedStatus } from './exchange.js'
import { parseObject } from './json.js'

/** Endpoints of the server. */
export interface Endpoints {
  token: string
  /** Null if the server has none. */
  revocation: string | null
}

/** What discovery needs. */
export interface DiscoveryConfig extends ExchangeConfig, RenewalConfig {
  issuer: string
}

/** Time after which the metadata is fetched again (milliseconds): an hour. */
const lifetimeMs = 3_600_000
/** Age up to which the metadata is used while it cannot be fetched (milliseconds): a week. */
const usableMs = 604_800_000

/** Finds the endpoints of a server by its metadata (RFC 8414), which is fetched at the first use. */
export function discoverEndpoints(config: DiscoveryConfig): Renewable<Endpoints> {
  const { issuer, emit } = config
  const url = metadataUrl(issuer)
  return createRenewable(
    {
      async load() {
        const response = await exchange(url, { headers: { accept: 'application/json' } }, config)
        return { value: readEndpoints(url, response, issuer), lifetimeMs, usableMs }
      },
      // The tokens that need the endpoints have a backoff of their own.
      backoff: { minMs: 0, maxMs: 0 },
      onLoad: (durationMs) => emit({ type: 'document_fetched', document: 'metadata', url, durationMs }),
      onFailure: (error, durationMs) =>
        emit({ type: 'document_failed', document: 'metadata', url, error, durationMs }),
    },
    { ...config, waitMs: 0 },
  )
}

/** Returns the URL of the metadata: the well-known path stands before the path of the issuer (RFC 8414 §3.1). */
function metadataUrl(issuer: string): string {
  const { origin, pathname } = new URL(issuer)
  return `${origin}/.well-known/oauth-authorization-server${pathname === '/' ? '' : pathname}`
}

/** @throws ClientError `bad_status`, `invalid_metadata` */
function readEndpoints(url: string, response: Exchanged, issuer: string): Endpoints {
  if (response.status !== 200) throw unexpectedStatus(url, response)
  try {
    return parseEndpoints(response.text, issuer)
  } catch (cause) {
    throw new ClientError('invalid_metadata', `${url} is not the metadata of ${issuer}`, {
      cause,
      status: 200,
    })
  }
}

/** @throws Error unless the metadata is that of the issuer (RFC 8414 §3.3), and its endpoints are at the same origin */
function parseEndpoints(text: string, issuer: string): Endpoints {
  const metadata = parseObject(text)
  if (metadata.issuer !== issuer) throw new Error(`the issuer is not ${issuer}`)
  const { token_endpoint: token, revocation_endpoint: revocation = null } = metadata
  return {
    token: requireEndpoint('token_endpoint', token, issuer),
    revocation: revocation === null ? null : requireEndpoint('revocation_endpoint', revocation, issuer),
  }
}

function requireEndpoint(name: string, url: unknown, issuer: string): string {
  if (typeof url !== 'string' || !URL.canParse(url)) throw new Error(`${name} is not a URL`)
  if (new URL(url).origin !== new URL(issuer).origin) throw new Error(`${name} is at another origin`)
  return url
}
