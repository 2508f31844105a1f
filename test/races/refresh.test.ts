import t from 'tap'
import { query } from '../database/query.js'
import { fc } from '../helpers/properties.js'
import {
  type Answer,
  askWho,
  beginTransaction,
  logIn,
  postForm,
  type Replicas,
  refresh,
  refusesAll,
  startReplicas,
  type Tokens,
  tokensOf,
  untilWaiting,
} from '../helpers/replicas.js'

// The grace period is long enough for a slow machine. Its end is simulated in the database.
const replicas = await startReplicas(t, { REFRESH_TOKEN_GRACE_SECONDS: '60' })
const { one, other, url } = replicas

t.test('a refresh token used 100 times at once on two replicas has one successor', async (t) => {
  const first = await logIn(one)
  const answers = await storm(replicas, first.refresh_token, 100)
  t.same(statusesOf(answers), [200])
  const tokens = tokensOf(answers)
  const successors = new Set(tokens.map(({ refresh_token }) => refresh_token))
  t.equal(successors.size, 1, 'all got the same successor')
  t.not([...successors][0], first.refresh_token)
  t.same(await describeFamily(url, first), { live: true, tokens: 2 })
  const uses = await Promise.all(
    tokens.map(({ access_token }, index) => askWho(index % 2 ? one : other, access_token)),
  )
  t.same(statusesOf(uses), [200], 'each access token is valid on both replicas')
  t.equal((await refresh(other, [...successors][0] as string)).status, 200, 'and so is the successor')
})

t.test(
  'without a grace period, at most one of several parallel uses succeeds, and the family ends',
  async (t) => {
    const strict = await startReplicas(t, { REFRESH_TOKEN_GRACE_SECONDS: '0' })
    const first = await logIn(strict.one)
    const answers = await storm(strict, first.refresh_token, 100)
    const given = tokensOf(answers)
    t.ok(given.length <= 1, `${given.length} answers`)
    t.same(
      statusesOf(answers).filter((status) => status !== 200),
      [400],
    )
    t.same(await describeFamily(strict.url, first), { live: false, tokens: 2 })
    await refusesAll(t, strict, [first, ...given], 'after the parallel uses')
    t.match(await describeFamily(strict.url, first), { live: false }, 'still')
  },
)

t.test('reuse of a refresh token after the grace period ends its family', async (t) => {
  for (const [age, outcome] of [
    ["used_at = used_at - interval '61 seconds'", 'used before the grace'],
    ["used_at = used_at - interval '20 days', expires_at = now() - interval '1 day'", 'expired since'],
  ] as const) {
    const bystander = await logIn(one)
    const first = await logIn(one)
    const second = tokensOf([await refresh(one, first.refresh_token)])
    t.equal((await askWho(other, first.access_token)).status, 200)
    await query(url, `UPDATE refresh_tokens SET ${age} WHERE used_at IS NOT NULL`)
    const again = await refresh(other, first.refresh_token)
    t.equal(again.status, 400, outcome)
    t.match(again.body, { error: 'invalid_grant' }, outcome)
    await refusesAll(t, replicas, [first, ...second], outcome)
    t.equal((await askWho(other, bystander.access_token)).status, 200, 'another login continues')
  }
})

/** What else is wrong with a request that reuses a token, and its correction. */
const faults = [
  { what: 'nothing else', sets: '', rights: '', form: {} },
  {
    what: 'a scope that was taken away',
    sets: "UPDATE clients SET scopes = '{items:write}' WHERE client_id = 'first-party'",
    rights: "UPDATE clients SET scopes = '{me,items:read,items:write}' WHERE client_id = 'first-party'",
    form: {},
  },
  { what: 'a wider scope', sets: '', rights: '', form: { scope: 'me users:admin' } },
  { what: 'a malformed scope', sets: '', rights: '', form: { scope: '"' } },
  {
    what: 'a password that must be changed',
    sets: "UPDATE users SET password_change_required = true WHERE username = 'johndoe'",
    rights: 'UPDATE users SET password_change_required = false',
    form: {},
  },
  {
    what: 'a family of old age',
    sets: "UPDATE token_families SET refreshable_until = now() - interval '1 second'",
    rights: "UPDATE token_families SET refreshable_until = now() + interval '1 day'",
    form: {},
  },
]

for (const { what, sets, rights, form } of faults)
  t.test(`reuse after the grace period ends the family whatever else is wrong: ${what}`, async (t) => {
    const first = await logIn(one, 'johndoe', 'secret', 'me items:read')
    const [second] = tokensOf([await refresh(one, first.refresh_token)])
    await endGrace()
    await query(url, sets)
    const again = { grant_type: 'refresh_token', refresh_token: first.refresh_token, ...form }
    const answer = await postForm(other, '/token', again)
    await query(url, rights)
    t.equal(answer.status, 400)
    t.match(answer.body, { error: 'invalid_grant' })
    t.match(await describeFamily(url, first), { live: false })
    t.equal((await refresh(one, second?.refresh_token as string)).status, 400)
  })

/** Rounds of refreshes, each by one of three tabs at one of the replicas. Those of a round run at the same time. */
const refreshes = fc.array(
  fc.array(fc.record({ tab: fc.nat({ max: 2 }), isAtOther: fc.boolean() }), { minLength: 1, maxLength: 3 }),
  { minLength: 1, maxLength: 4 },
)

t.test('tabs that refresh one login in any order all stay logged in', async (t) => {
  const bystander = await logIn(one)
  await fc.assert(
    fc.asyncProperty(refreshes, async (rounds) => {
      const first = await logIn(one)
      const tabs = [0, 1, 2].map(() => first.refresh_token)
      for (const round of rounds) {
        const answers = await Promise.all(
          round.map(({ tab, isAtOther }) => refresh(isAtOther ? other : one, tabs[tab] as string)),
        )
        t.same(statusesOf(answers), [200])
        for (const [i, { tab }] of round.entries()) tabs[tab] = answers[i]?.body.refresh_token as string
      }
      const last = tokensOf(await Promise.all(tabs.map((token) => refresh(other, token))))
      t.equal(last.length, tabs.length)
      t.match(await describeFamily(url, first), { live: true })
      await endGrace()
      t.equal((await refresh(one, first.refresh_token)).status, 400)
      t.match(await describeFamily(url, first), { live: false }, 'reuse after the grace period')
    }),
    { numRuns: 10 },
  )
  t.equal((await refresh(other, bystander.refresh_token)).status, 200, 'another login continues')
})

for (const { what, sets, rights, form } of faults.slice(1))
  t.test(`a request with another error does not use the token: ${what}`, async (t) => {
    const first = await logIn(one, 'johndoe', 'secret', 'me items:read')
    await query(url, sets)
    const wrong = { grant_type: 'refresh_token', refresh_token: first.refresh_token, ...form }
    t.equal((await postForm(other, '/token', wrong)).status, 400)
    await query(url, rights)
    t.same(await describeFamily(url, first), { live: true, tokens: 1 })
    const second = await refresh(one, first.refresh_token)
    t.equal(second.status, 200)
    await query(url, sets)
    t.equal(
      (await postForm(other, '/token', wrong)).status,
      400,
      'nor does a second one within the grace period',
    )
    await query(url, rights)
    if (what !== 'a family of old age')
      t.equal((await refresh(one, second.body.refresh_token as string)).status, 200)
  })

t.test('requests in a family that has ended are not recorded as reuse again', async (t) => {
  const first = await logIn(one)
  await refresh(one, first.refresh_token)
  await postForm(one, '/revoke', { token: first.refresh_token })
  const reuses = "SELECT sum(count)::int AS count FROM events WHERE action = 'refresh_reuse'"
  const before = await query(url, reuses)
  t.equal((await refresh(one, first.refresh_token)).status, 400)
  t.same(await query(url, reuses), before)
})

t.test('a token within the grace period is accepted although it has expired since', async (t) => {
  const first = await logIn(one)
  const second = await refresh(one, first.refresh_token)
  await query(
    url,
    "UPDATE refresh_tokens SET expires_at = now() - interval '1 second' WHERE used_at IS NOT NULL",
  )
  const again = await refresh(other, first.refresh_token)
  t.equal(again.body.refresh_token, second.body.refresh_token)
  t.equal((await refresh(one, String(again.body.refresh_token))).status, 200)
})

t.test('an unused expired token is refused, and its family continues', async (t) => {
  const first = await logIn(one)
  await query(url, "UPDATE refresh_tokens SET expires_at = now() - interval '1 second'")
  t.equal((await refresh(other, first.refresh_token)).status, 400)
  t.equal((await askWho(other, first.access_token)).status, 200)
})

t.test('after a revocation no token of the family is valid, whatever was refreshed meanwhile', async (t) => {
  for (let round = 0; round < 12; round++) {
    const first = await logIn(one)
    const services = [one, other, one, other, one, other]
    const revoker = round % 2 ? one : other
    const [revoked, ...answers] = await Promise.all([
      postForm(revoker, '/revoke', { token: first.refresh_token }),
      ...services.map((service) => refresh(service, first.refresh_token)),
    ])
    t.equal(revoked.status, 200)
    t.same(
      statusesOf(answers).filter((status) => status >= 500),
      [],
    )
    await refusesAll(t, replicas, [first, ...tokensOf(answers).slice(0, 2)], `round ${round}`)
  }
})

t.test('a refresh that was there before a revocation yields no valid token', async (t) => {
  const first = await logIn(one)
  const blocker = await beginTransaction(t, url, 'SELECT FROM refresh_tokens FOR UPDATE')
  const refreshing = refresh(one, first.refresh_token)
  await untilWaiting(url)
  const revoking = postForm(other, '/revoke', { token: first.refresh_token })
  await untilWaiting(url, 2)
  await blocker.query('COMMIT')
  t.equal((await revoking).status, 200)
  const late = await refreshing
  t.ok(late.status < 500, `answered ${late.status}`)
  await refusesAll(t, replicas, [first, ...tokensOf([late])], 'overtaken')
})

t.test('a revoked access token is refused by every replica, other tokens are not', async (t) => {
  const { access_token: token, refresh_token: refreshToken } = await logIn(one)
  const revocations = await Promise.all(
    Array.from({ length: 20 }, (_, index) => postForm(index % 2 ? one : other, '/revoke', { token })),
  )
  t.same(statusesOf(revocations), [200])
  for (const service of [one, other]) t.equal((await askWho(service, token)).status, 401)
  t.equal((await refresh(other, refreshToken)).status, 200)
})

function storm({ one, other }: Replicas, refreshToken: string, uses: number): Promise<Answer[]> {
  return Promise.all(
    Array.from({ length: uses }, (_, index) => refresh(index % 2 ? one : other, refreshToken)),
  )
}

/** Makes all used tokens look as if they were used before the grace period. */
function endGrace() {
  return query(url, "UPDATE refresh_tokens SET used_at = used_at - interval '61 seconds'")
}

function statusesOf(answers: Answer[]): number[] {
  return [...new Set(answers.map(({ status }) => status))].sort()
}

/** Returns the family that a login started. */
async function describeFamily(url: string, { access_token: token }: Tokens) {
  const { sid } = JSON.parse(String(Buffer.from(String(token.split('.')[1]), 'base64url'))) as { sid: string }
  const [family] = await query<{ live: boolean; tokens: number }>(
    url,
    `SELECT revoked_at IS NULL AS live,
      (SELECT count(*)::int FROM refresh_tokens WHERE family_id = $1) AS tokens
     FROM token_families WHERE id = $1`,
    [sid],
  )
  return family
}
