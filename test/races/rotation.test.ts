import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { query } from '../database/query.js'
import {
  askWho,
  headerOf,
  logIn,
  type Replicas,
  readKids,
  startReplicas,
  until,
} from '../helpers/replicas.js'
import type { Service } from '../helpers/service.js'

/** The replicas refresh the keys every second and a half. Tokens live for a year, so keys that are aged by months remain in use. */
const settings = { JWKS_MAX_AGE_SECONDS: '3', ACCESS_TOKEN_EXPIRE_MINUTES: '525600' }

t.test('during rotation no valid token is refused, and no unpublished key signs', async (t) => {
  const replicas = await startReplicas(t, settings)
  const { one, other, url } = replicas
  const sightings = watchKeys(replicas)
  const traffic = [sendTraffic(one, other), sendTraffic(other, one)]

  for (let rotation = 1; rotation <= 3; rotation++) {
    await makeRotationDue(url)
    await until(`rotation ${rotation} to be over`, async () => {
      const kids = await Promise.all([one, other].map(signsWith))
      const published = await readKids(one)
      return kids.every((kid) => kid === published.at(-1)) && published.length === rotation + 1
    })
    const published = await readKids(one)
    t.same(await readKids(other), published, 'both publish the same keys')
    await until('a token of the new key to be used', async () =>
      traffic.some(({ result }) => result.some(({ kid }) => kid === published.at(-1))),
    )
  }

  await until('50 tokens to be used', async () => traffic.flatMap(({ result }) => result).length >= 50)
  const uses = (await Promise.all(traffic.map(({ stop }) => stop()))).flat()
  const seen = await sightings.stop()
  t.same(
    uses.filter(({ status }) => status !== 200),
    [],
    'none was refused when it was new',
  )
  const kids = new Set(uses.map(({ kid }) => kid))
  t.equal(kids.size, 4, 'each key has signed tokens')
  const [first, ...rotatedIn] = await readKids(one)
  for (const { kid, receivedAt } of uses.filter((use) => use.kid !== first))
    for (const service of [one, other])
      if (!((seen.get(service)?.get(kid) ?? Number.POSITIVE_INFINITY) < receivedAt)) t.fail(`${kid} was new`)
  t.equal(rotatedIn.length, 3)
  for (const kid of kids) {
    const { token } = uses.find((use) => use.kid === kid) as Use
    for (const service of [one, other]) t.equal((await askWho(service, token)).status, 200, 'still good')
  }

  await query(
    url,
    "UPDATE signing_keys SET signs_at = signs_at - interval '400 days' WHERE retired_at IS NULL",
  )
  await until('spent keys to be retired', async () =>
    (await Promise.all([one, other].map(readKids))).every((published) => !published.includes(String(first))),
  )
  const spent = (uses.find(({ kid }) => kid === first) as Use).token
  for (const service of [one, other]) t.equal((await askWho(service, spent)).status, 401)
  const [retired] = await query(url, 'SELECT sealed_private_key FROM signing_keys WHERE kid = $1', [first])
  t.same(retired, { sealed_private_key: null }, 'its private key is deleted')
})

t.test('a replica with a longer token lifetime makes every new key last as long', async (t) => {
  const { url } = await startReplicas(t, { ...settings, ACCESS_TOKEN_EXPIRE_MINUTES: '60' })
  await query(url, 'UPDATE signing_keys SET token_ttl_seconds = 60')
  const isKeptLonger = async () => {
    const [key] = await query(url, 'SELECT token_ttl_seconds FROM signing_keys')
    return key?.token_ttl_seconds === 3600
  }
  await t.resolves(until('the key to be kept longer', isKeptLonger))
})

t.test('a key that cannot be decrypted does not keep a replica from loading the others', async (t) => {
  const { one, other, url } = await startReplicas(t, settings)
  const token = await logIn(one)
  const [kid] = await readKids(one)
  await query(
    url,
    `INSERT INTO signing_keys (kid, algorithm, public_jwk, sealed_private_key, sealed_under, token_ttl_seconds, signs_at)
     SELECT 'damaged', algorithm, jsonb_set(public_jwk, '{kid}', '"damaged"'), sealed_private_key, sealed_under, 60, now()
     FROM signing_keys`,
  )
  for (const service of [one, other])
    await until('the damaged key to be published', async () => (await readKids(service)).includes('damaged'))
  t.equal(await signsWith(one), kid, 'another key signs')
  await query(url, 'UPDATE signing_keys SET retired_at = now(), sealed_private_key = NULL WHERE kid = $1', [
    kid,
  ])
  for (const service of [one, other])
    await until(
      'the retired key to be gone',
      async () => (await askWho(service, token.access_token)).status === 401,
    )
  t.equal((await logIn(one)).status, 503, 'without a key that can sign, logins fail')
})

interface Use {
  token: string
  kid: string
  receivedAt: number
  status: number
}

/** Repeatedly logs in at one replica and uses the token at the other, until it is stopped. */
function sendTraffic(issuer: Service, user: Service) {
  const uses: Use[] = []
  return repeatUntilStopped(uses, async () => {
    const { access_token: token } = await logIn(issuer)
    const receivedAt = Date.now()
    const { status } = await askWho(user, token)
    uses.push({ token, kid: headerOf(token).kid, receivedAt, status })
  })
}

/** Records when each replica first published each key. */
function watchKeys({ one, other }: Replicas) {
  const seen = new Map([one, other].map((service) => [service, new Map<string, number>()]))
  return repeatUntilStopped(seen, async () => {
    for (const [service, kids] of seen)
      for (const kid of await readKids(service)) if (!kids.has(kid)) kids.set(kid, Date.now())
  })
}

/** Pause after each action (milliseconds), since the tests beside this one need the processors too. */
const pauseMs = 10

function repeatUntilStopped<T>(result: T, action: () => Promise<void>) {
  let stopped = false
  async function repeat(): Promise<T> {
    while (!stopped) {
      await action()
      await delay(pauseMs)
    }
    return result
  }
  const running = repeat()
  return {
    result,
    stop() {
      stopped = true
      return running
    },
  }
}

async function signsWith(service: Service): Promise<string> {
  return headerOf((await logIn(service)).access_token).kid
}

/** Ages all keys equally, so that their order stays. */
function makeRotationDue(url: string) {
  return query(url, "UPDATE signing_keys SET signs_at = signs_at - interval '31 days'")
}
