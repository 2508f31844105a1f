import t from 'tap'
import { createBanner } from '../src/banner.js'
import { loadConfig } from '../src/config/index.js'
import { openDatabase } from '../src/database/client.js'
import { unreachableUrl } from './database/query.js'
import { clonePlainDatabase } from './helpers/database.js'

t.test('the banner', async (t) => {
  const settings = { databasePoolSize: 1, databaseTimeoutSeconds: 10 }
  const database = openDatabase(settings, await clonePlainDatabase(t))
  t.teardown(() => database.$disconnect())
  const bannerOf = (env: Record<string, string>) => createBanner(loadConfig(env), 4567, database)

  t.test('names what there is to try', async (t) => {
    t.equal(
      await bannerOf({}),
      `
Latchkey is ready.
  Open     http://localhost:8000/
  Try it   http://localhost:8000/docs
  Log in   press Authorize, then johndoe / secret
  Mail     is not sent: its links are printed here, and .data/mail has the files
  Stop     Ctrl-C

`,
    )
  })

  t.test('names the address at which browsers reach the service', async (t) => {
    t.match(await bannerOf({ PORT: '0' }), 'Open     http://localhost:4567/\n')
    t.match(await bannerOf({ PORT: '9000' }), 'Open     http://localhost:9000/\n')
    t.match(await bannerOf({ ISSUER: 'https://login.test' }), 'Open     https://login.test/\n')
  })

  t.test('does not name the documentation where it is turned off', async (t) => {
    const banner = await bannerOf({ DOCUMENTATION: 'false' })
    t.notMatch(banner, /docs|Authorize/)
    t.match(banner, 'Log in   johndoe / secret\n')
  })

  t.test('does not speak of mail files where a server sends mail', async (t) => {
    t.notMatch(await bannerOf({ SMTP_URL: 'smtp://localhost' }), 'Mail')
  })

  t.test('names johndoe only while he has the published password', async (t) => {
    for (const username of ['alice', 'johndoe']) await database.user.delete({ where: { username } })
    t.notMatch(await bannerOf({}), 'johndoe')
  })

  t.test('is shown without johndoe while the database is unreachable', async (t) => {
    const unreachable = openDatabase(settings, await unreachableUrl())
    t.teardown(() => unreachable.$disconnect())
    const banner = await createBanner(loadConfig({}), 8000, unreachable)
    t.match(banner, 'Latchkey is ready.')
    t.notMatch(banner, 'johndoe')
  })

  t.test('is empty in production', async (t) => {
    const production = {
      NODE_ENV: 'production',
      ISSUER: 'https://latchkey.example.com',
      DATABASE_URL: 'postgres://latchkey@db/latchkey',
      JWT_SECRET: 'q8Jp0Zs3tYv5xW7rN2kL4mB6hD1gF9cA',
    }
    t.equal(await bannerOf(production), '')
  })
})
