import { readFileSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'

/** A certificate for localhost that is its own authority, with its private key. */
export const localhostPem = readFileSync('test/fixtures/tls/self-signed.pem', 'utf8')

/** Starts an https server on localhost with a certificate of its own authority, and returns its origin. */
export async function startHttps(t: Test, listener: RequestListener): Promise<string> {
  const server = createServer({ key: localhostPem, cert: localhostPem }, listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `https://localhost:${(server.address() as AddressInfo).port}`
}
