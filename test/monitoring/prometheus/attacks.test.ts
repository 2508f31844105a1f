import bcrypt from 'bcrypt'
import t from 'tap'
import { logIn, refresh } from '../../helpers/replicas.js'
import { withoutPrometheus } from './prometheus.js'
import {
  createUsers,
  keepDoing,
  startMonitoredService,
  untilFiring,
  untilResolved,
  watch,
} from './situation.js'

t.test('old refresh tokens are presented again', { skip: withoutPrometheus }, async (t) => {
  const service = await startMonitoredService(t, await createUsers(t), { REFRESH_TOKEN_GRACE_SECONDS: '0' })
  const prometheus = await watch(t, service)
  const logins = await Promise.all(Array.from({ length: 12 }, () => logIn(service)))
  for (const { refresh_token } of logins) {
    t.equal((await refresh(service, refresh_token)).status, 200)
    t.equal((await refresh(service, refresh_token)).status, 400)
  }
  await untilFiring(prometheus, 'LatchkeyRefreshTokensReused')
  await untilResolved(prometheus, 'LatchkeyRefreshTokensReused')
})

t.test('passwords are guessed', { skip: withoutPrometheus }, async (t) => {
  const service = await startMonitoredService(t, await createUsers(t))
  const prometheus = await watch(t, service)
  const stop = keepDoing(t, () => logIn(service, 'johndoe', 'wrong'))
  await untilFiring(prometheus, 'LatchkeyPasswordsGuessed')
  await stop()
  await untilResolved(prometheus, 'LatchkeyPasswordsGuessed')
})

t.test('more logins than passwords can be hashed', { skip: withoutPrometheus }, async (t) => {
  const cost = 8
  const url = await createUsers(t, bcrypt.hashSync('secret', cost))
  const service = await startMonitoredService(t, url, { BCRYPT_COST: String(cost), HASHING_CONCURRENCY: '1' })
  const prometheus = await watch(t, service)
  // One is hashed, 64 wait.
  const stops = Array.from({ length: 70 }, () => keepDoing(t, () => logIn(service)))
  await untilFiring(prometheus, 'LatchkeyShedding')
  await Promise.all(stops.map((stop) => stop()))
  await untilResolved(prometheus, 'LatchkeyShedding')
})
