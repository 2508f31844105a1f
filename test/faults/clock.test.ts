import t from 'tap'
import { query } from '../database/query.js'
import {
  askWho,
  headerOf,
  logIn,
  postForm,
  readKids,
  receiveChanges,
  refresh,
  startReplica,
  startReplicas,
  until,
} from '../helpers/replicas.js'
import { type Service, startProgram } from '../helpers/service.js'

/** Returns the environment that shifts the clock of a process, apart from timers. */
const shiftedBy = (hours: number) => {
  const source = `
    const offset = ${hours * 3_600_000}, RealDate = Date
    globalThis.Date = class extends RealDate {
      constructor(...given) { super(...(given.length ? given : [RealDate.now() + offset])) }
      static now() { return RealDate.now() + offset }
    }`
  return `--import=data:text/javascript,${encodeURIComponent(source)}`
}

for (const hours of [2, -2])
  t.test(`a replica whose clock is ${hours} hours off causes no damage`, async (t) => {
    const { url, one: right } = await startReplicas(t)
    const wrong = await startReplica(t, url, { NODE_OPTIONS: shiftedBy(hours) })
    t.equal((await fetch(`${wrong.origin}/readyz`)).status, 200)

    const ofWrong = await logIn(wrong)
    const ofRight = await logIn(right)
    t.equal((await askWho(wrong, ofWrong.access_token)).status, 200, 'it accepts its own tokens')
    t.equal((await askWho(right, ofRight.access_token)).status, 200)
    // A token carries times of one clock and is checked by another: it is expired, or valid for as long as it says.
    t.equal((await askWho(wrong, ofRight.access_token)).status, hours > 0 ? 401 : 200)
    t.equal((await askWho(right, ofWrong.access_token)).status, hours > 0 ? 200 : 401)

    const refreshed = await refresh(wrong, ofRight.refresh_token)
    t.equal(refreshed.status, 200, 'stored tokens expire by the clock of the database')
    t.equal((await refresh(right, ofWrong.refresh_token)).status, 200)
    t.equal((await postForm(wrong, '/revoke', { token: ofRight.refresh_token })).status, 200)
    for (const service of [right, wrong]) {
      await receiveChanges(service)
      t.equal((await askWho(service, ofRight.access_token)).status, 401, 'a revocation applies everywhere')
      t.equal((await refresh(service, String(refreshed.body.refresh_token))).status, 400)
    }
    t.notMatch(wrong.program.stdout, '"level":50')
  })

/** The replicas refresh the keys every half second. */
const rotating = { JWKS_MAX_AGE_SECONDS: '1' }

for (const hours of [2, -2, 31 * 24])
  t.test(
    `keys rotate by the clock of the database when the clock of a replica is ${hours} hours off`,
    async (t) => {
      const { url, one: right } = await startReplicas(t, rotating)
      const before = await logIn(right)
      const [first] = await readKids(right)
      const wrong = await startReplica(t, url, { ...rotating, NODE_OPTIONS: shiftedBy(hours) })
      t.same(await readKids(wrong), [first], 'the age of the key is unchanged')

      await makeRotationDue(url, first)
      await until('the next key to be published', async () => (await readKids(right)).length === 2)
      await until('the next key to sign', async () =>
        (await Promise.all([right, wrong].map(signsWith))).every((kid) => kid !== first),
      )
      const [next] = await query<{ planned: boolean; kept: boolean }>(
        url,
        `SELECT bool_and(signs_at BETWEEN created_at + interval '1.9 s' AND created_at + interval '3 s')
         FILTER (WHERE kid <> $1) AS planned, count(*) FILTER (WHERE retired_at IS NULL) = 2 AS kept
       FROM signing_keys`,
        [first],
      )
      t.same(
        next,
        { planned: true, kept: true },
        'it was published for the planned time, and the one before is kept',
      )
      t.equal((await askWho(right, before.access_token)).status, 200, 'unexpired tokens are valid')
      t.equal((await askWho(right, (await logIn(right)).access_token)).status, 200)
      t.equal((await readKids(wrong)).length, 2)
    },
  )

t.test('the command line uses the clock of the database', async (t) => {
  const { url, one } = await startReplicas(t)
  const before = await logIn(one)
  const [first = ''] = await readKids(one)
  const run = async (hours: number, ...args: string[]) => {
    const env = { DATABASE_URL: url, NODE_OPTIONS: shiftedBy(hours) }
    const program = startProgram(t, 'dist/src/cli/latchkey.js', env, { args: ['keys', ...args] })
    return { status: await program.ends(), ...JSON.parse(program.stdout || 'null') }
  }
  t.match(await run(31 * 24, 'rotate', '--json'), { status: 0 })
  for (const hours of [2, -2, 31 * 24]) {
    t.match(await run(hours, 'retire', first, '--json'), { status: 4 }, 'the signing key is not retired')
    const listed = Object.values(await run(hours, 'list', '--json')) as { state: string }[]
    t.same(
      listed.flatMap(({ state }) => state ?? []),
      ['signing', 'published'],
    )
  }
  t.equal((await askWho(one, before.access_token)).status, 200)
})

async function signsWith(service: Service): Promise<string> {
  return headerOf((await logIn(service)).access_token).kid
}

function makeRotationDue(url: string, kid = '') {
  return query(url, "UPDATE signing_keys SET signs_at = signs_at - interval '31 days' WHERE kid = $1", [kid])
}
