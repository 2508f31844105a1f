import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

const sources = 'src'

/** Files that split text: the maximum number of calls, and why splitting is safe (few pieces, or no quoting). */
const allowed: Record<string, [times: number, reason: string]> = {
  'auth/access-token': [1, 'four pieces at most'],
  'auth/clients/credentials': [1, 'two pieces: RFC 7617 has no quoting'],
  'auth/scope': [2, 'a scope is a list with spaces between (RFC 6749 §3.3), of a form of 16 KB'],
  'backup/copy-text': [2, 'rows of COPY, in which line breaks and tabs are escaped'],
  'cli/node-releases': [1, 'the version of Node.js'],
  'cli/output': [2, 'what the command line prints'],
  'cli/words-option': [1, "words of the operator's own argument"],
  'config/database-hosts': [2, 'a setting: libpq has no quoting in its lists of hosts'],
  'config/pairs': [1, 'a setting'],
  'config/read-environment': [1, 'a setting'],
  'database/embedded/index': [1, 'a file of PostgreSQL'],
  'http/validation-issues': [1, 'a path into our own schema'],
  'http/server/client-address': [2, 'a setting, and an IPv4 address that was found valid'],
  'http/cursor': [1, 'two pieces'],
  'items/metadata': [1, 'a number as JavaScript writes it'],
  'users/import/sources/index': [1, 'the first line of a file'],
  'users/import/sources/mapping': [1, 'an argument of the command line'],
  'users/import/sources/table': [1, 'an argument of the command line'],
  'users/names/scripts': [2, 'a constant'],
  'users/names/security-profile': [1, 'a constant'],
  'users/names/skeleton': [4, 'a constant'],
}

t.test('no header is split by hand if its standard has lists or quoting', (t) => {
  const files = readdirSync(sources, { recursive: true, encoding: 'utf8' }).filter(
    (file) => /\.[jt]s$/.test(file) && !/\.d\.ts$|generated|assets/.test(file),
  )
  t.ok(files.length > 100)
  for (const file of files) {
    const times = readFileSync(join(sources, file), 'utf8').match(/\.split\(/g)?.length ?? 0
    const [maximum, reason] = allowed[file.replace(/\.\w+$/, '')] ?? [
      0,
      'parse it, into a bounded number of pieces',
    ]
    if (times > maximum) t.fail(`${file}: ${reason}`)
  }
  t.end()
})
