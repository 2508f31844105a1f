import { KeyObject } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { OAuthClientProvider } from '@modelcontextprotocol/sdk/client/auth.js'
import {
  ClientCredentialsProvider,
  PrivateKeyJwtProvider,
} from '@modelcontextprotocol/sdk/client/auth-extensions.js'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import * as oauth from 'oauth4webapi'
import t, { type Test } from 'tap'
import { postToken } from '../helpers/app.js'
import { storeClient } from '../helpers/clients.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase } from '../helpers/database.js'
import { storeResource } from '../helpers/resources.js'
import { clientId, issuer, listen, replaceKeys, secret, statusOf } from './server.js'

const metadataPath = '/.well-known/oauth-protected-resource'

type Verify = (request: IncomingMessage) => Promise<{ sub: string } | null>

/** Starts an HTTP server, and returns its origin. */
async function startServer(t: Test, handle: (request: IncomingMessage, response: ServerResponse) => unknown) {
  const server = createServer(handle)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Answers a request to an MCP server that demands a token, and says where its metadata is (RFC 9728 §5.1). */
async function answer(request: IncomingMessage, response: ServerResponse, verify: Verify) {
  const claims = await verify(request)
  if (!claims) {
    const challenge = `Bearer resource_metadata="http://${request.headers.host}${metadataPath}"`
    response.writeHead(401, { 'www-authenticate': challenge }).end()
    return
  }
  const mcp = new McpServer({ name: 'orders', version: '1.0.0' })
  mcp.registerTool('whoami', {}, () => ({ content: [{ type: 'text', text: claims.sub }] }))
  const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true })
  // The SDK's types are not made for `exactOptionalPropertyTypes`.
  await mcp.connect(transport as Transport)
  await transport.handleRequest(request, response)
}

const url = await cloneDatabase(t)
const { app, origin, fetchFromIssuer } = await listen(t, {}, url)

/** Values of `resource` in the token requests of clients. */
const requested: (string | null)[] = []

/** Document that the MCP server publishes. */
let metadata = ''

const audience = await startServer(t, async (request, response) => {
  if (request.url === metadataPath) response.setHeader('content-type', 'application/json').end(metadata)
  else await answer(request, response, verifyToken)
})

/** Returns the claims of the token of a request, or null if it is not for the MCP server (RFC 9068 §4). */
async function verifyToken({ headers }: IncomingMessage) {
  const request = new Request(audience, { headers: { authorization: headers.authorization ?? '' } })
  const server = { issuer, jwks_uri: `${issuer}/.well-known/jwks.json` }
  const options = { [oauth.customFetch]: fetchFromIssuer }
  return oauth.validateJwtAccessToken(server, request, audience, options).catch(() => null)
}

/** Sends a request of a client, and records the resource that a token is requested for. */
function fetchRecorded(input: string | URL, init?: RequestInit): Promise<Response> {
  if (String(input) === `${issuer}/token`)
    requested.push(new URLSearchParams(String(init?.body)).get('resource'))
  return fetchFromIssuer(input, init)
}

/** Returns what the tool responds to a client. */
async function callTool(authProvider: OAuthClientProvider) {
  const client = new Client({ name: 'test', version: '1.0.0' })
  const options = { authProvider, fetch: fetchRecorded }
  await client.connect(new StreamableHTTPClientTransport(new URL(audience), options) as Transport)
  const { content } = await client.callTool({ name: 'whoami' })
  await client.close()
  return content
}

await storeResource(app.database, { name: 'mcp', identifier: audience, scopes: ['tools:call'] })
await storeResource(app.database, {
  name: 'other',
  identifier: 'https://other.example',
  scopes: ['other:read'],
})
const scopes = ['me', 'tools:call', 'other:read']
await app.database.client.update({ where: { clientId }, data: { scopes } })
// The SDK does not encode what it sends by HTTP Basic. Secrets that Latchkey makes need no encoding.
const agent = { clientId: 'agent', clientSecret: 'the-secret-of-agent' }
await storeClient(app.database, agent.clientId, agent.clientSecret, scopes)
await app.changes.sync()

/** Content that the tool responds with to a client. */
const contentFor = (client: string) => [{ type: 'text', text: `client:${client}` }]

t.test('the metadata of the MCP server is printed by latchkey resources metadata', async (t) => {
  const env = { ISSUER: issuer, NODE_ENV: 'development' }
  const printed = await runCommand(url, ['resources', 'metadata', 'mcp'], { env })
  t.match(printed, { status: 0, stderr: '' })
  metadata = printed.stdout
  t.same(JSON.parse(metadata), {
    resource: audience,
    authorization_servers: [issuer],
    scopes_supported: ['tools:call'],
    bearer_methods_supported: ['header'],
    resource_name: 'mcp',
  })
})

t.test('a client with a secret finds Latchkey, gets a token and calls a tool', async (t) => {
  const provider = new ClientCredentialsProvider({ ...agent, expectedIssuer: issuer })
  t.same(await callTool(provider), contentFor(agent.clientId))
  t.equal(requested.at(-1), audience)
})

t.test('a client with a key does so too, also when the resource gets a slash as URL has it', async (t) => {
  const { publicKey, privateKey } = await oauth.generateKeyPair('ES256', { extractable: true })
  await replaceKeys(app, publicKey, 'key')
  const jwk = { ...KeyObject.from(privateKey).export({ format: 'jwk' }) }
  const options = { clientId, expectedIssuer: issuer, privateKey: jwk, algorithm: 'ES256' }
  t.same(await callTool(new PrivateKeyJwtProvider(options)), contentFor(clientId))
  const withSlash = Object.assign(new PrivateKeyJwtProvider(options), {
    validateResourceURL: async (serverUrl: string | URL) => new URL(serverUrl),
  })
  t.same(await callTool(withSlash), contentFor(clientId))
  t.equal(requested.at(-1), `${audience}/`)
})

t.test('tokens of another audience are refused, here and there', async (t) => {
  const tokenFor = async (resource: string) => {
    const form = { grant_type: 'client_credentials', client_id: clientId, client_secret: secret, resource }
    return (await postToken(app, form)).json<{ access_token: string }>().access_token
  }
  const statusAt = async (token: string) =>
    (await fetch(audience, { method: 'POST', headers: { authorization: `Bearer ${token}` } })).status
  for (const resource of ['https://other.example', issuer])
    t.equal(await statusAt(await tokenFor(resource)), 401, resource)
  const token = await tokenFor(audience)
  t.not(await statusAt(token), 401)
  t.equal(await statusOf(origin, token), 401)
})
