import { Readable } from 'node:stream'
import t from 'tap'
import { fromAuth0 } from '../../src/users/import/sources/auth0.js'
import { detectFormat } from '../../src/users/import/sources/index.js'
import { fromKeycloak } from '../../src/users/import/sources/keycloak.js'
import { fromSupabase } from '../../src/users/import/sources/supabase.js'
import { readUserDocument } from '../../src/users/import/sources/user-document.js'
import { deleteUser } from '../../src/users/store/accounts.js'
import { findManagedUser } from '../../src/users/store/managed-users.js'
import { startApp } from '../helpers/app.js'

const bytes = (...parts: (string | Buffer)[]) => Readable.from(parts.map((part) => Buffer.from(part)))

t.test('a name that is not the address is the full name', async (t) => {
  t.match(fromAuth0({ email: 'ada@example.com', name: 'Ada' }), { full_name: 'Ada' })
  t.match(fromAuth0({ email: 'ada@example.com', name: 'ada@example.com' }), { full_name: null })
  t.match(fromSupabase({ email: 'ada@example.com' }, new Date()), { full_name: null })
})

t.test('a file is read whole after its format was recognised', async (t) => {
  const { format, input } = await detectFormat(bytes('{"username":"a"}\n{"user', 'name":"b"}\n'))
  t.equal(format, 'ndjson')
  const parts: Buffer[] = []
  for await (const part of input) parts.push(part)
  t.equal(Buffer.concat(parts).toString(), '{"username":"a"}\n{"username":"b"}\n')
})

t.test('an export is read by the rules of request bodies', async (t) => {
  for (const [document, message] of [
    [bytes('{"users":["', Buffer.from([0xff]), '"]}'), /not a JSON document.*: Not valid UTF-8$/],
    [bytes('{"users":[],"users":[]}'), /not a JSON document.*: An object has the same name twice$/],
    [bytes('[{"username":"ada","username":"bob"}]'), /: An object has the same name twice$/],
    [bytes('{"users":['), /: Not valid JSON$/],
  ] as const)
    await t.rejects(readUserDocument(document).next(), { message })
  const wide = await readUserDocument(bytes(JSON.stringify(Array(20_000).fill({})))).next()
  t.equal(wide.value?.number, 1, 'an export has more members than a request')
  t.match(fromSupabase({ email: 'ada@example.com', raw_user_meta_data: 'null' }, new Date()), {
    full_name: undefined,
  })
  t.throws(() => fromKeycloak({ username: 'ada', credentials: 'x' }), {
    message: 'credentials must be a list',
  })
  const twice = '{"full_name":"Ada","full_name":"Bob"}'
  t.throws(() => fromSupabase({ email: 'ada@example.com', raw_user_meta_data: twice }, new Date()), {
    message: /not valid JSON/,
  })
})

t.test('a name that the database cannot store belongs to nobody', async (t) => {
  const { database } = await startApp(t)
  t.equal(await findManagedUser('a\0', database), null)
  t.equal(await deleteUser('a\0', database), false)
})
