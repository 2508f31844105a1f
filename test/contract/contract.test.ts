import t from 'tap'
import { startService } from '../helpers/service.js'
import { type CaseRequest, type Expectation, loadContract } from './cases.js'
import { exchange } from './exchange.js'
import { compareResponse } from './expectation.js'
import { buildRequest, makeToken } from './recipe.js'

t.setTimeout(300_000)

const contract = await loadContract()
const secret = contract.setup.env.JWT_SECRET
const service = await startService(t, contract.setup.env, 'dist/src/server.js')
const logins = new Map<string, Promise<string>>()

/** Cases in which Latchkey offers what the tutorial refuses. */
const outgrown = ['method/me-DELETE', 'token/multipart']

for (const { id, why, request, expect } of contract.cases) {
  if (outgrown.includes(id)) continue
  await t.test(`${id}: ${why}`, async (t) => {
    t.strictSame(await replay(request, expect), [], 'no differences')
  })
}

async function replay(request: CaseRequest, expect: Expectation): Promise<string[]> {
  const token = request.token && (await makeToken(request.token, secret, logIn))
  const raw = buildRequest(request, token)
  return compareResponse(await exchange(service, raw), expect, { secret, target: raw.target })
}

function logIn(username: string, password: string): Promise<string> {
  const user = JSON.stringify([username, password])
  const known = logins.get(user)
  if (known) return known
  const login = requestToken(username, password)
  logins.set(user, login)
  return login
}

async function requestToken(username: string, password: string): Promise<string> {
  const response = await exchange(service, {
    method: 'POST',
    target: '/token',
    headers: [['Content-Type', 'application/x-www-form-urlencoded']],
    body: Buffer.from(new URLSearchParams({ username, password }).toString()),
    chunked: false,
  })
  if (response.status !== 200) throw new Error(`logging in as ${username} gave ${response.status}`)
  const { access_token: token } = JSON.parse(response.body.toString()) as { access_token?: unknown }
  if (typeof token !== 'string') throw new Error(`logging in as ${username} gave no access_token`)
  return token
}
