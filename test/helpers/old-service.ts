import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import { query } from '../database/query.js'
import { newDatabase, setDefaults } from './database.js'
import { plainDefaults } from './hostile.js'

/** Secret of the service that is replaced. */
export const oldSecret = 'the secret of the old service, of 32 characters'

const encode = (value: object | Buffer) =>
  (Buffer.isBuffer(value) ? value : Buffer.from(JSON.stringify(value))).toString('base64url')

/**
 * Stands in for a service from the FastAPI tutorial where there is no Python: a database with its users, and an endpoint that
 * issues its tokens to Grace. `test/interop/fastapi.test.ts` starts the real one.
 */
export async function startOldService(t: Test) {
  const url = await newDatabase(t)
  await setDefaults(url, plainDefaults)
  const vectors = JSON.parse(readFileSync('test/vectors/foreign-hashes.json', 'utf8')) as {
    source: string
    hash: string
  }[]
  await query(
    url,
    'CREATE TABLE users (id serial, username text, email text, full_name text, disabled boolean, hashed_password text)',
  )
  await query(
    url,
    "INSERT INTO users (username, email, full_name, hashed_password) VALUES ('grace', 'grace@example.com', 'Grace Hopper', $1)",
    [vectors.find(({ source }) => source.startsWith('pwdlib'))?.hash],
  )
  const server = createServer((_request, response) => {
    response.end(JSON.stringify({ access_token: issueToken('grace'), token_type: 'bearer' }))
  }).listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    env: { OLD_DATABASE_URL: url },
    origins: { 'http://localhost:9000': `http://127.0.0.1:${port}` },
  }
}

/** Returns a token as the tutorial's service issues it. */
function issueToken(sub: string): string {
  const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ sub, exp: Math.floor(Date.now() / 1_000) + 1_800 })}`
  return `${signed}.${encode(createHmac('sha256', oldSecret).update(signed).digest())}`
}
