import t from 'tap'
import { askWho, logIn, postForm, refresh, startReplica, startReplicas } from '../helpers/replicas.js'

/** What makes a process believe in another time, timers aside. */
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
  t.test(`a replica whose clock is ${hours} hours off does no harm`, async (t) => {
    const { url, one: right } = await startReplicas(t)
    const wrong = await startReplica(t, url, { NODE_OPTIONS: shiftedBy(hours) })
    t.equal((await fetch(`${wrong.origin}/readyz`)).status, 200)

    const ofWrong = await logIn(wrong)
    const ofRight = await logIn(right)
    t.equal((await askWho(wrong, ofWrong.access_token)).status, 200, 'it takes its own tokens')
    t.equal((await askWho(right, ofRight.access_token)).status, 200)
    // A token has its times from one clock and is held against the other: too old, or as good as it says.
    t.equal((await askWho(wrong, ofRight.access_token)).status, hours > 0 ? 401 : 200)
    t.equal((await askWho(right, ofWrong.access_token)).status, hours > 0 ? 200 : 401)

    const refreshed = await refresh(wrong, ofRight.refresh_token)
    t.equal(refreshed.status, 200, 'what is stored expires by the clock of the database')
    t.equal((await refresh(right, ofWrong.refresh_token)).status, 200)
    t.equal((await postForm(wrong, '/revoke', { token: ofRight.refresh_token })).status, 200)
    for (const service of [right, wrong]) {
      t.equal((await askWho(service, ofRight.access_token)).status, 401, 'a revocation holds everywhere')
      t.equal((await refresh(service, String(refreshed.body.refresh_token))).status, 400)
    }
    t.notMatch(wrong.program.stdout, '"level":50')
  })
