import t from 'tap'
import { hashPassword } from '../../../src/passwords/hash-password.js'
import { everyScope, logIn } from '../../helpers/app.js'
import { prepareJourney, runIn } from '../generated-client.js'
import { createVirtualEnvironment, skip } from './virtual-environment.js'

t.test('schemathesis finds no failure in any check', { skip }, async (t) => {
  const journey = await prepareJourney(t, 'test/clients/toolchains/schemathesis')
  const { app, args } = journey
  const caller = { username: 'schemathesis', hashedPassword: await hashPassword('long enough', 4) }
  await app.database.user.create({ data: { ...caller, scopes: ['users:admin', 'items:admin'] } })
  const token = await logIn(app, caller.username, 'long enough', everyScope)
  const bin = await createVirtualEnvironment(journey)
  const run = [
    'run',
    `${args[0]}/openapi.json`,
    '--checks',
    'all',
    '--header',
    `Authorization: Bearer ${token}`,
  ]
  await t.resolves(runIn(journey, 'st', run, bin))
})
