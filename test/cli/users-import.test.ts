import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parseHash } from '../../src/passwords/verify.js'
import { importUsers } from '../../src/users/import/import-users.js'
import { query } from '../database/query.js'
import { postToken, startApp } from '../helpers/app.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase } from '../helpers/database.js'

const url = await cloneDatabase(t)
const app = await startApp(t, {}, url)
await app.claimNames()

const vectors = JSON.parse(readFileSync('test/vectors/foreign-hashes.json', 'utf8')) as {
  source: string
  password: string
  hash: string
}[]
const argon2 = String(vectors.find(({ source }) => source.startsWith('argon2-cffi'))?.hash)
const bcryptHash = String(vectors.find(({ source }) => source.endsWith(' bcrypt'))?.hash)

const importText = (input: string | Buffer, ...args: string[]) =>
  runCommand(url, ['users', 'import', '-', ...args], { input })
const ndjson = (...rows: object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('')
const logInStatus = async (username: string, password: string) =>
  (await postToken(app, { grant_type: 'password', username, password })).statusCode
const readUser = (username: string) =>
  app.database.user.findUnique({ where: { username }, include: { importedHash: true } })

t.test('users of a file are imported, each with an event, and can log in', async (t) => {
  const rows = [
    {
      username: 'ada',
      email: 'ada@example.com',
      email_verified: true,
      full_name: 'Ada Lovelace',
      scopes: ['items:admin'],
      subject: 'ada|1',
      hashed_password: argon2,
    },
    {
      username: 'grace',
      email: 'grace@example.com',
      hashed_password: bcryptHash,
      password_change_required: true,
    },
    { username: 'alan', disabled: true, hashed_password: argon2, id: 7 },
    { username: 'barbara', email: 'barbara@example.com' },
  ]
  const outcome = await importText(ndjson(...rows))
  t.same(outcome, {
    status: 0,
    stdout:
      'Imported: 4 created, 0 existing, 0 refused.\n1 user has no password, and needs a link of POST /account/forgot-password.\n',
    stderr: 'latchkey: not imported: the column id\n',
  })
  t.match(await readUser('ada'), {
    email: 'ada@example.com',
    pendingEmail: null,
    fullName: 'Ada Lovelace',
    scopes: ['items:admin'],
    subject: 'ada|1',
    generation: 0,
    importedHash: { hash: argon2, workKind: 'argon2 m=64 p=2', workUnits: 2 },
  })
  t.match(await readUser('grace'), {
    email: null,
    pendingEmail: 'grace@example.com',
    pendingSinceRegistration: true,
    hashedPassword: bcryptHash.replace('bcrypt$', ''),
    passwordChangeRequired: true,
    importedHash: null,
  })
  t.match(await readUser('alan'), { disabled: true, generation: 1, subject: /^[\w-]{22}$/ })
  const events = await query(
    url,
    "SELECT subject FROM events WHERE action = 'user_created' AND actor = 'cli' ORDER BY 1",
  )
  t.same(
    events,
    ['ada', 'alan', 'barbara', 'grace'].map((subject) => ({ subject })),
  )
  t.equal(await logInStatus('ada', 'secret'), 200)
  t.equal(await logInStatus('grace', 'secret'), 200)
  t.equal(await logInStatus('alan', 'secret'), 401)
  t.equal(await logInStatus('barbara', ''), 422)
})

t.test('an import can be repeated: users who exist stay as they are', async (t) => {
  const before = await readUser('ada')
  const rows = [{ username: 'ada', full_name: 'Someone else' }, { username: 'edsger' }]
  const repeated = await importText(ndjson(...rows), '--json')
  t.match(JSON.parse(repeated.stdout), { rows: 2, created: 1, existing: 1, refused: 0, without_password: 1 })
  t.same(await readUser('ada'), before)
})

t.test(
  'a user who is in a file twice is reported with both rows, also when the import is repeated',
  async (t) => {
    const csv = 'username,full_name\ntwin,first\nother,\ntwin,second\n'
    for (const [args, created] of [
      [['--dry-run'], 2],
      [[], 2],
      [[], 0],
      [['--dry-run'], 0],
    ] as const)
      t.match(await importText(csv, '--json', ...args), {
        status: 1,
        stdout: JSON.stringify(
          {
            dry_run: args.length > 0,
            rows: 3,
            created,
            existing: 2 - created,
            refused: 1,
            without_password: created,
            refused_rows: [
              {
                row: 4,
                username: 'twin',
                outcome: 'refused',
                problem: 'the same user as in row 2, which counts',
                without_password: false,
              },
            ],
          },
          null,
          2,
        ),
      })
    t.match(await readUser('twin'), { fullName: 'first' })
  },
)

t.test('a dry run stores nothing, and reports what an import would do', async (t) => {
  const rows = [...Array(1_000).keys()].map((number) => ({ username: `dry-${number}` }))
  const trial = ndjson(...rows, { username: 'ada' }, { username: 'dry-0' }, { username: 'DRY-1' })
  const outcome = await importText(trial, '--dry-run')
  t.match(
    outcome.stdout,
    'row 1002 (dry-0): the same user as in row 1, which counts\nAn import would do this: 1001 created, 1 existing, 1 refused.\n',
  )
  t.equal(await app.database.user.count({ where: { username: { startsWith: 'dry' } } }), 0)
  t.same(await query(url, "SELECT FROM events WHERE subject LIKE 'dry%'"), [])
})

t.test('a bad row is reported with its number, and keeps no other row from being imported', async (t) => {
  const bad: [row: unknown, problem: RegExp][] = [
    ['no object', /JSON object/],
    [[], /JSON object/],
    [{}, /the row has no column username/],
    [{ username: '' }, /username is missing/],
    [{ username: 7 }, /username must be a text/],
    [{ username: 'x'.repeat(256) }, /at most 255 characters/],
    [{ username: 'a\nb' }, /no control characters/],
    [{ username: 'me@example.com' }, /3 to 64 letters and digits.*--force accepts it/],
    [{ username: 'admin' }, /is reserved/],
    [{ username: 'client:x' }, /must not begin with "client:"/],
    [{ username: '..' }, /dots only/],
    [{ username: 'bad1', email: 'nobody' }, /email is not valid/],
    [{ username: 'bad2', email: { toString: 1 } }, /email must be a text/],
    [{ username: 'bad3', disabled: 'perhaps' }, /disabled must be true or false/],
    [{ username: 'bad4', disabled: { toString: 1 } }, /disabled must be true or false/],
    [{ username: 'bad5', scopes: ['root'] }, /scopes must be among/],
    [{ username: 'bad6', scopes: 'users:admin root' }, /scopes must be among/],
    [{ username: 'bad6', scopes: [{}] }, /scopes must be among/],
    [{ username: 'bad6', roles: ['absent'] }, /roles must be among the roles that users can have/],
    [
      { username: 'bad6', roles: Array.from({ length: 101 }, (_, i) => i) },
      /roles must have at most 100 names/,
    ],
    [{ username: 'bad6', subject: 'a b' }, /subject must have only printable ASCII/],
    [{ username: 'bad6', subject: 'client:a' }, /subject must .* not begin with "client:"/],
    [{ username: 'bad6', subject: 'a'.repeat(256) }, /subject must have at most 255/],
    [{ username: 'bad6', subject: 'ada|1' }, /subject is that of another user/],
    [{ username: 'bad7', hashed_password: 'secret' }, /unknown format/],
    [{ username: 'bad8', hashed_password: argon2.replace('t=2', 't=99999999') }, /costs too much/],
    [
      { username: 'bad8', hashed_password: bcryptHash.replace(/\$\d\d\$/, '$03$') },
      /bcrypt cost outside of 4 to 15/,
    ],
    [
      { username: 'bad8', hashed_password: bcryptHash.replace(/\$\d\d\$/, '$16$') },
      /bcrypt cost outside of 4 to 15/,
    ],
    [{ username: 'johnDOE' }, /username, or one that looks like it, is taken/],
    [{ username: 'bad9', email: 'ADA@example.com', email_verified: 1 }, /confirmed address of another user/],
    [Object.fromEntries(Array.from({ length: 201 }, (_, index) => [`member${index}`, 1])), /200 members/],
    [{ username: 'x'.repeat(70_000) }, /at most 65536 bytes/],
  ]
  const lines = bad.map(([row]) => JSON.stringify(row))
  const text = [
    '{"username": "good1"}',
    ...lines,
    '{"username": ',
    '',
    '{"username": "good2", "scopes": "items:admin"}',
  ]
  const folder = t.testdir()
  const report = join(folder, 'report.ndjson')
  const outcome = await importText(`${text.join('\n')}\n`, '--report', report)
  t.equal(outcome.status, 1)
  t.equal(
    outcome.stderr.split('\n').at(-2),
    `latchkey: ${bad.length + 1} of ${bad.length + 3} rows were refused`,
  )
  const rows = readFileSync(report, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as object)
  for (const [index, [, problem]] of bad.entries()) {
    t.match(rows[index + 1], { row: index + 2, outcome: 'refused', problem })
    t.match(outcome.stdout, new RegExp(`^row ${index + 2}\\b.*${problem.source}`, 'm'))
  }
  t.match(rows.at(-2), { outcome: 'refused', problem: /^the line is not valid JSON in UTF-8/ })
  t.match(rows.at(-1), { row: text.length, username: 'good2', outcome: 'created' })
  t.match(await readUser('good2'), { scopes: ['items:admin'] })
  t.equal(await app.database.user.count({ where: { username: { startsWith: 'bad' } } }), 0)
})

t.test('with --json the result and the refused rows are fields', async (t) => {
  const outcome = await importText(ndjson({ username: 'json-user' }, { username: 'johnDOE' }), '--json')
  t.same(JSON.parse(outcome.stdout), {
    dry_run: false,
    rows: 2,
    created: 1,
    existing: 0,
    refused: 1,
    without_password: 1,
    refused_rows: [
      {
        row: 2,
        username: 'johnDOE',
        outcome: 'refused',
        problem: 'the username, or one that looks like it, is taken; a username is never reassigned',
        without_password: false,
      },
    ],
  })
})

t.test('only the first hundred refused rows are printed', async (t) => {
  const { stdout } = await importText('{}\n'.repeat(150))
  t.equal(stdout.match(/^row /gm)?.length, 100)
  t.match(stdout, '\n50 more rows: --report lists them\n')
})

t.test(
  'usernames obey the rules of registration unless --force is given, and are claimed in any case',
  async (t) => {
    const text = ndjson(
      { username: 'eve@example.com' },
      { username: 'EVE@example.com' },
      { username: 'jоhndoe' },
    )
    t.match(await importText(text, '--force'), {
      status: 1,
      stdout: /row 2 \(EVE@example.com\).*taken[\s\S]*row 3 \(j.*ndoe\).*taken[\s\S]*1 created/,
    })
    const unusable = ['a/b', 'me', 'ME', 'client:x', '..', 'johndoe ', ' a', 'a  b', 'a\u00a0', 'a\0'].map(
      (username) => ({
        username,
      }),
    )
    t.match(await importText(ndjson({ username: 'a b' }, ...unusable), '--force'), {
      status: 1,
      stdout: /Imported: 1 created, 0 existing, 10 refused/,
      stderr: /10 of 11 rows were refused/,
    })
    t.match(await runCommand(url, ['users', 'delete', 'eve@example.com', '--yes']), { status: 0 })
    t.match(
      await importText(text, '--force'),
      { status: 1, stdout: /row 1[\s\S]*0 created/ },
      'a name is never reassigned',
    )
  },
)

t.test('without a key for names, a former name is recognised by its spelling', async (t) => {
  const plain = await cloneDatabase(t)
  await query(plain, "INSERT INTO former_usernames (digest) VALUES (sha256('gone'))")
  const input = ndjson({ username: 'gone' }, { username: 'new' }, { username: 'JohnDoe' })
  const outcome = await runCommand(plain, ['users', 'import', '-'], { input })
  t.match(outcome, { status: 1, stdout: /row 1 \(gone\)[\s\S]*row 3 \(JohnDoe\)[\s\S]*1 created/ })
  t.same(await query(plain, "SELECT name_claim FROM users WHERE username = 'new'"), [{ name_claim: null }])
})

t.test('a former name from before names had keys stays taken', async (t) => {
  await query(url, "INSERT INTO former_usernames (digest) VALUES (sha256('bygone'))")
  t.match(await importText(ndjson({ username: 'bygone' }, { username: 'coming' })), {
    status: 1,
    stdout: /row 1 \(bygone\)[\s\S]*1 created/,
  })
})

t.test('a row that only the database refuses keeps no other row from being imported', async (t) => {
  await query(url, "ALTER TABLE users ADD CONSTRAINT no_zoe CHECK (username <> 'zoe')")
  t.teardown(() => query(url, 'ALTER TABLE users DROP CONSTRAINT no_zoe'))
  const outcome = await importText(ndjson({ username: 'yves' }, { username: 'zoe' }, { username: 'xena' }))
  t.match(outcome, { status: 1, stdout: /^row 2 \(zoe\): the database refuses it\n.*2 created/ })
})

t.test('a name that another user gets meanwhile keeps no other row from being imported', async (t) => {
  await query(
    url,
    `CREATE FUNCTION take_name() RETURNS trigger LANGUAGE plpgsql AS
       'BEGIN IF NEW.username = ''rival'' THEN RETURN NULL; END IF; RETURN NEW; END';
     CREATE TRIGGER take_name BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION take_name()`,
  )
  t.teardown(() => query(url, 'DROP TRIGGER take_name ON users; DROP FUNCTION take_name'))
  const outcome = await importText(
    ndjson({ username: 'first' }, { username: 'rival' }, { username: 'third' }),
  )
  t.match(outcome, { status: 1, stdout: /^row 2 \(rival\): the username.* is taken.*\n.*2 created/ })
})

t.test('a name whose look-alike another user gets meanwhile is taken', async (t) => {
  await query(
    url,
    `CREATE FUNCTION take_look() RETURNS trigger LANGUAGE plpgsql AS
       'BEGIN IF EXISTS (SELECT FROM users WHERE id = NEW.user_id AND username = ''double'') THEN RETURN NULL; END IF; RETURN NEW; END';
     CREATE TRIGGER take_look BEFORE INSERT ON taken_names FOR EACH ROW EXECUTE FUNCTION take_look()`,
  )
  t.teardown(() => query(url, 'DROP TRIGGER take_look ON taken_names; DROP FUNCTION take_look'))
  const outcome = await importText(ndjson({ username: 'single' }, { username: 'double' }))
  t.match(outcome, { status: 1, stdout: /^row 2 \(double\): the username.* is taken.*\n.*1 created/ })
})

t.test('names of ASCII characters that look alike are both imported', async (t) => {
  t.match(await importText(ndjson({ username: 'agent10' }, { username: 'agentlo' })), { status: 0 })
})

t.test('a failure of the database while accounts are stored one by one ends the import', async (t) => {
  await query(
    url,
    `CREATE SEQUENCE attempts;
     CREATE FUNCTION fail_later() RETURNS trigger LANGUAGE plpgsql AS
       'BEGIN
          IF NEW.subject <> ''failing'' THEN RETURN NEW; END IF;
          IF nextval(''attempts'') = 1 THEN RAISE ''refused'' USING ERRCODE = ''23514''; END IF;
          RAISE ''broken'' USING ERRCODE = ''XX000'';
        END';
     CREATE TRIGGER fail_later BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION fail_later()`,
  )
  t.teardown(() =>
    query(url, 'DROP TRIGGER fail_later ON events; DROP FUNCTION fail_later; DROP SEQUENCE attempts'),
  )
  t.equal((await importText(ndjson({ username: 'failing' }))).status, 1)
})

t.test('a failure of the database ends the import, and it can be resumed', async (t) => {
  await query(
    url,
    `CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
       'BEGIN IF NEW.subject = ''late-1000'' THEN RAISE ''broken'' USING ERRCODE = ''XX000''; END IF; RETURN NEW; END';
     CREATE TRIGGER fail BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION fail()`,
  )
  const text = ndjson(...[...Array(1_002).keys()].map((number) => ({ username: `late-${number}` })))
  t.equal((await importText(text)).status, 1)
  await query(url, 'DROP TRIGGER fail ON events; DROP FUNCTION fail')
  t.match((await importText(text)).stdout, 'Imported: 2 created, 1000 existing, 0 refused.')
})

t.test('a refused row is named, and a mistaken argument is not repeated', async (t) => {
  const { stdout } = await importText(
    ndjson({ username: 'findable', email: 'nowhere' }),
    '--report',
    '/dev/null',
  )
  t.match(stdout, /^row 1 \(findable\): email /)
  const secret = 'postgresql://postgres:of-the-database@host/db'
  for (const [args, hint] of [
    [[secret], /a database is named by --from-file or --from/],
    [['--from-file', secret], /the file cannot be read: ENOENT/],
    [['/absent/file'], /the file \/absent\/file cannot be read: ENOENT/],
  ] as const) {
    const outcome = await runCommand(url, ['users', 'import', ...args])
    t.match(outcome.stderr, hint)
    t.notMatch(outcome.stderr + outcome.stdout, 'of-the-database')
  }
})

t.test('the file that is imported is not overwritten by the report', async (t) => {
  const path = join(t.testdir({ 'users.ndjson': '{"username":"kept"}' }), 'users.ndjson')
  const outcome = await runCommand(url, ['users', 'import', path, '--report', path])
  t.match(outcome, { status: 2, stderr: 'the report would overwrite the file that is imported' })
  t.equal(readFileSync(path, 'utf8'), '{"username":"kept"}')
})

t.test(
  'a report that cannot be written ends the import with one line',
  { skip: !existsSync('/dev/full') && 'there is no /dev/full' },
  async (t) => {
    const outcome = await importText(ndjson({ username: 'reported' }), '--report', '/dev/full')
    t.equal(outcome.status, 1)
    t.match(outcome.stderr, /^latchkey: the report cannot be written: ENOSPC.*\n$/)
  },
)

t.test('hashes of more kinds than logins take into account are refused', async (t) => {
  const users = Array.from({ length: 12 }, (_, index) => ({
    username: `kind${index}`,
    hashed_password: `$scrypt$ln=1,r=${index + 1},p=1$c2FsdA$QUJDREVGR0hJSktMTU5PUA`,
  }))
  const outcome = await importText(ndjson(...users), '--dry-run')
  t.match(
    outcome.stdout,
    /^row 12 \(kind11\): hashes with more than 8 combinations of algorithm and parameters/m,
  )
})

t.test('hashes that would make every login take too long together are refused', async (t) => {
  const costlyUrl = await cloneDatabase(t)
  const importInto = (...rows: object[]) =>
    runCommand(costlyUrl, ['users', 'import', '-'], {
      input: ndjson(...rows),
      env: { BCRYPT_COST: '12' },
    })
  const digest = 'QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY'
  const sha1 = { username: 'costly1', hashed_password: `$pbkdf2$4900000$c2FsdA$${digest.slice(0, 27)}` }
  const argon = {
    username: 'costly2',
    hashed_password: `$argon2id$v=19$m=262144,t=3,p=1$c2FsdHNhbHQ$${digest}`,
  }
  const scrypt = { username: 'costly3', hashed_password: `$scrypt$ln=17,r=8,p=2$c2FsdA$${digest}` }
  const bcrypt = { username: 'costly4', hashed_password: bcryptHash.replace(/\$\d\d\$/, '$15$') }
  const small = { username: 'costly5', hashed_password: `$pbkdf2$1000$c2FsdA$${digest.slice(0, 27)}` }
  const problem = 'would make every login take more than 2 seconds'
  const first = await importInto(sha1, argon, scrypt, bcrypt, small)
  t.match(first, { status: 1, stdout: /Imported: 3 created, 0 existing, 2 refused/ })
  t.match(first.stdout, `row 3 (costly3): hashed_password ${problem}`)
  t.match(first.stdout, `row 4 (costly4): hashed_password ${problem}`)
  await query(costlyUrl, 'DELETE FROM imported_hashes')
  const again = await importInto(sha1, argon, scrypt)
  t.match(
    again.stdout,
    'Imported: 1 created, 2 existing, 0 refused',
    'when the users of others have logged in',
  )
})

t.test('CSV rows that are too long are refused, and keep no other row from being imported', async (t) => {
  const long = 'A'.repeat(70_000)
  const half = `${'B'.repeat(40_000)}\n`
  const csv = [
    'username,full_name',
    'longcsv1,x',
    `longcsv2,${long}`,
    'longcsv3,y',
    `longcsv4,"${half}${half}evil,z"`,
    'longcsv5,z',
  ]
  const outcome = await importText(csv.join('\n'))
  t.match(
    outcome.stdout,
    /^row 3: a row must have at most 65536 bytes\nrow 5: a row must have .*\nImported: 3 created, 0 existing, 2 refused/,
  )
  const unclosed = await importText(`username,full_name\nlongcsv6,"${half}${half}`)
  t.match(unclosed.stdout, /^row 2: a row must have at most 65536 bytes\nImported: 0 created/)
  const header = await importText(`username,${long}\nlongcsv7,x\n`, '--format', 'csv')
  t.match(header, { status: 1, stderr: /the header of the file cannot be read: a row must have at most/ })
})

t.test('progress is reported', async (t) => {
  const { stderr } = await importText('{}\n'.repeat(10_001))
  t.match(stderr, 'latchkey: 10000 rows: 0 created, 0 existing, 10000 refused\n')
})

t.test('CSV files have a header, quotes, and lines of any ending', async (t) => {
  const csv = [
    '\uFEFFusername,full_name,disabled,scopes,hashed_password\r',
    `csv1,"Lovelace, ""Ada""",false,"{users:admin,items:admin}","${argon2}"\r`,
    'csv2,"two',
    'lines",,,',
    '',
    'csv3,,t,,',
    'csv4,too,many,,cells,here',
    'csv5,"quote"d,,,',
    'csv6,"never closed,,,',
    `${'x'.repeat(70_000)}`,
    'csv7,,,,"',
  ]
  const outcome = await importText(csv.join('\n'))
  t.equal(outcome.status, 1)
  for (const [row, problem] of [
    [3, 'control characters'],
    [7, 'the row has 6 cells, and the header has 5'],
    [8, 'a quoted cell does not end with a quote and a delimiter'],
    [9, 'a row must have at most 65536 bytes'],
    [11, 'a quoted cell does not end with a quote and a delimiter'],
  ] as const)
    t.match(outcome.stdout, new RegExp(`^row ${row}\\b.*${problem}`, 'm'))
  t.match(await readUser('csv1'), {
    fullName: 'Lovelace, "Ada"',
    disabled: false,
    scopes: ['users:admin', 'items:admin'],
    importedHash: { hash: argon2 },
  })
  t.match(await readUser('csv3'), { fullName: null, disabled: true })
  t.match(await importText(`username${',a'.repeat(200)}\n`), { status: 1, stderr: /at most 200 cells/ })
  t.match(await importText(Buffer.from('username\n\xff\n', 'latin1')), {
    status: 1,
    stdout: /row 2: .*UTF-8/,
  })
})

t.test('CSV files of spreadsheets have semicolons or tabs, and spaces in the header', async (t) => {
  for (const [index, delimiter] of [';', '\t'].entries()) {
    const username = `spread${index}`
    await importText(`username${delimiter} full_name\r\n${username}${delimiter}"A, B"\r\n`)
    t.match(await readUser(username), { fullName: 'A, B' }, username)
  }
  for (const [header, problem] of [
    ['username,email,email', 'it has the column email twice'],
    ['"username', 'a quoted cell does not end with a quote and a delimiter'],
    ['\xff\xfeu', 'the row is not valid UTF-8'],
  ])
    t.same(await importText(Buffer.from(`${header}\n`, 'latin1')), {
      status: 1,
      stdout: '',
      stderr: `latchkey: the header of the file cannot be read: ${problem}\n`,
    })
})

t.test('hashes are read as databases hold them', async (t) => {
  const bytes = `\\x${Buffer.from(argon2).toString('hex')}`
  const hashes = [bytes, `b'${argon2}'`, `${argon2}  `, '!unusable by Django', '*', '!']
  const rows = hashes.map((hash, index) => ({ username: `held${index}`, hashed_password: hash }))
  const outcome = await importText(ndjson(...rows))
  t.match(outcome.stdout, '6 created, 0 existing, 0 refused.\n3 users have no password')
  for (const username of ['held0', 'held1', 'held2'])
    t.equal((await readUser(username))?.importedHash?.hash, argon2)
})

t.test('columns of other names are mapped', async (t) => {
  const csv = 'login,active,mail\nmapped1,true,a@example.com\nmapped2,0,\nmapped3,,\nmapped4,perhaps,\n'
  const mapping = 'username=login,disabled=!active'
  const outcome = await importText(csv, '--map', mapping)
  t.match(outcome.stdout, /^row 5 \(mapped4\): disabled must be true or false\n/)
  t.match(outcome.stderr, 'not imported: the column mail')
  t.match(await readUser('mapped1'), { disabled: false, pendingEmail: null })
  t.match(await readUser('mapped2'), { disabled: true })
  t.match(await importText('{"username":"mapped5"}\n', '--map', 'disabled=!active'), {
    status: 1,
    stdout: /row 1: the row has no column active/,
  })
  const foreign = '{"username":"mapped6","roles":"owner","subject":"me and you"}\n'
  t.match(await importText(foreign, '--map', 'roles=,subject='), {
    status: 0,
    stderr: 'latchkey: not imported: the columns roles, subject\n',
  })
  t.match(await readUser('mapped6'), { subject: /^[\w-]{22}$/ })
  for (const wrong of ['username', 'name=login', 'username=', 'username=a b', 'username=a,,'])
    t.match(await importText(csv, '--map', wrong), { status: 1, stderr: /must be FIELD=COLUMN/ }, wrong)
})

t.test('addresses count as verified if --emails-verified is given and the source does not say', async (t) => {
  const rows = [
    { username: 'verified1', email: 'v1@example.com' },
    { username: 'verified2', email: 'v2@example.com', email_verified: false },
  ]
  await importText(ndjson(...rows), '--emails-verified')
  t.match(await readUser('verified1'), { email: 'v1@example.com' })
  t.match(await readUser('verified2'), { email: null, pendingEmail: 'v2@example.com' })
})

t.test('hashes by scrypt of Node.js state their format by --hash-format', async (t) => {
  // By scryptSync('secret', salt, 64).toString('hex') with the salt as text, and with { r: 16 } as Better Auth does
  const salt = 'ebe12e84d277abd00c60d0d4fa9a1ce5'
  const key =
    'd9c624af3d90ea9279bfc7e922d81c05420d5eabeb3d412092f938d4ad6abad3aeec61ce0aee44ec82c766c00728e75a790a6ba3fd30743cddecbfd6865504cd'
  const rows = [
    { username: 'node1', hashed_password: `${salt}:${key}` },
    { username: 'node2', hashed_password: `${key}.${salt}` },
    { username: 'node3' },
    { username: 'node4', hashed_password: 'something else' },
  ]
  const outcome = await importText(ndjson(...rows), '--hash-format', 'node-scrypt')
  t.match(outcome.stdout, /^row 4: hashed_password is not node-scrypt/)
  t.equal(await logInStatus('node1', 'secret'), 200)
  t.equal((await readUser('node1'))?.importedHash, null)
  t.equal((await readUser('node2'))?.importedHash?.workKind, 'scrypt N=16384 r=8')
  t.equal(await logInStatus('node2', 'secret'), 200)
  // By hashPassword of @better-auth/utils 0.5.1, and by Scrypt of oslo 1.2.1, which Lucia uses
  const others = {
    'pässwörd ﬁ':
      'b7ec08e75fc80f7d665629260f861216:fac04b1e4cb8f687f5e8e6ba1d04a1db02ae0861a2e447462b6694ce1746d751e7fcfc28d3e0fef17f03b9f992380c7d56e3f5cf0658394da50198bed978bf86',
    secret:
      'ca675418f963414a0625aba4e1417005:8681edcd99252de345e04b2c90595bed0247cdefa18acbfe534befd927c4165a92d68ed1558741c4a0770fc997cc5769536e3ebef862a7c3b60906b1fc2fb0a8',
  }
  for (const [index, [password, hash]] of Object.entries(others).entries()) {
    const username = `better${index}`
    await importText(ndjson({ username, hashed_password: hash }), '--hash-format', 'better-auth')
    const imported = (await readUser(username))?.importedHash
    t.equal(imported?.workKind, 'scrypt N=16384 r=16')
    t.equal(await parseHash(String(imported?.hash))?.matches(password), true, password)
  }
  await query(url, 'DELETE FROM imported_hashes')
})

t.test('wrong usage is refused', async (t) => {
  const folder = t.testdir({ url: 'mysql://host/db' })
  for (const [args, status, problem] of [
    [[], 2, 'specify either a file or --from'],
    [['-', '--from', url], 2, 'specify either a file or --from'],
    [['--from', 'mysql://host/db'], 2, 'must begin with postgresql://'],
    [['--from-file', join(folder, 'url')], 2, 'must begin with postgresql://'],
    [['--from-file', join(folder, 'none')], 1, 'no such file'],
    [[join(folder, 'none')], 1, 'no such file'],
    [[folder], 1, 'EISDIR'],
    [['-', '--report', join(folder, 'none', 'report')], 1, 'no such file'],
    [['-', '--format', 'xml'], 2, 'Allowed choices'],
  ] as [string[], number, string][])
    t.match(await runCommand(url, ['users', 'import', ...args]), { status, stderr: problem }, args.join(' '))
})

t.test('an unexpected failure of a source ends the import', async (t) => {
  async function* rows() {
    yield {
      number: 1,
      read(): never {
        throw new TypeError('unexpected')
      },
    }
  }
  const rules = { force: false, emailsVerified: false, dryRun: false }
  const reports = importUsers(rows(), rules, { database: app.database, macKey: null, bcryptCost: 4 })
  await t.rejects(reports.next(), { message: 'unexpected' })
})
