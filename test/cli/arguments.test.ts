import { readFileSync } from 'node:fs'
import t from 'tap'
import { query } from '../database/query.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase } from '../helpers/database.js'

const url = await cloneDatabase(t)
const errorOf = (stderr: string) => (JSON.parse(stderr) as { error: object }).error

t.test('an option takes one argument, and may be repeated', async (t) => {
  for (const args of [
    ['--scope', 'users:admin', 'johndoe', '--scope', 'items:admin'],
    ['--scope', 'users:admin items:admin', 'johndoe'],
  ])
    t.match(await runCommand(url, ['users', 'set-scopes', ...args]), {
      status: 0,
      stdout: 'johndoe has users:admin items:admin.\n',
    })
  t.match(await runCommand(url, ['users', 'set-scopes', '--scope', 'johndoe', 'users:admin']), {
    status: 2,
    stderr: /there is no scope johndoe: users can have users:admin, items:admin/,
  })
})

t.test('under --json an error is JSON on standard error, wherever it comes from', async (t) => {
  for (const [args, status, error] of [
    [['users', 'show', 'nobody'], 3, { code: 'not_found', message: 'there is no user nobody' }],
    [['users', 'frob'], 2, { code: 'usage', message: /unknown command 'frob'/ }],
    [['users'], 2, { code: 'usage', message: 'a command is missing' }],
    [['users', 'list', '--frob'], 2, { code: 'usage', message: "unknown option '--frob'" }],
    [['users', 'list', '--limit', '0'], 2, { code: 'usage', message: /^a limit must be/ }],
    [['clients', 'create', 'first-party', '--name', 'x'], 4, { code: 'refused' }],
  ] as const) {
    const outcome = await runCommand(url, ['--json', ...args])
    t.match(outcome, { status, stdout: '' }, args.join(' '))
    t.match(errorOf(outcome.stderr), error)
  }
  const env = { PORT: 'x' }
  const wrongSetting = await runCommand(url, ['status', '--json'], { env })
  t.match(errorOf(wrongSetting.stderr), { code: 'failure', message: /^PORT / })
  t.match(
    await runCommand(url, ['users', 'show', '--', '--json']),
    { status: 3, stderr: 'latchkey: there is no user --json\n' },
    'an argument is no option',
  )
})

t.test('every command documents --json, and no command is missing in the manual', async (t) => {
  const manual = readFileSync('docs/command-line.md', 'utf8')
  const commandsOf = async (args: string[]): Promise<string[][]> => {
    const { stdout } = await runCommand('', [...args, '--help'])
    for (const line of stdout.split('\n')) t.ok(line.length <= 80, line)
    t.match(stdout, '--json', args.join(' '))
    const listed = /\nCommands:\n([\s\S]*?)(\n\n|$)/.exec(stdout)?.[1] ?? ''
    const names = [...listed.matchAll(/^ {2}([a-z-]+)/gm)].map(([, name = '']) => name)
    return names.filter((name) => name !== 'help').map((name) => [...args, name])
  }
  for (const group of await commandsOf([]))
    for (const command of [group, ...(await commandsOf(group))])
      if (
        command.length > 1 ||
        !['users', 'clients', 'resources', 'roles', 'sessions', 'tokens', 'keys', 'scale'].includes(
          String(command[0]),
        )
      )
        t.match(manual, `\`${command.join(' ')}`)
})

t.test('a deletion asks first, and requires --yes without a terminal', async (t) => {
  for (const args of [
    ['users', 'delete', 'alice'],
    ['clients', 'delete', 'phone'],
  ]) {
    await runCommand(url, ['clients', 'create', 'phone', '--name', 'Phone', '--public'])
    t.match(await runCommand(url, args), {
      status: 2,
      stderr: /^latchkey: without a terminal, a deletion requires --yes: Delete .*\n$/,
    })
    for (const input of ['n\n', ''])
      t.match(await runCommand(url, args, { isTTY: true, input }), {
        status: 4,
        stdout: '',
        stderr: /^Delete \w+ and .*\? \[y\/N\] latchkey: nothing was deleted\n$/,
      })
    t.match(await runCommand(url, args, { isTTY: true, input: 'y\n' }), { status: 0, stdout: /^Deleted/ })
    t.match(await runCommand(url, args, { isTTY: true, input: 'y\n' }), { status: 3 })
  }
})

t.test('events are listed, and filtered by subject and action', async (t) => {
  const events = async (...args: string[]) =>
    JSON.parse((await runCommand(url, ['events', '--json', ...args])).stdout) as object[]
  await query(url, 'DELETE FROM events')
  t.same(await events(), [])
  await runCommand(url, ['users', 'disable', 'johndoe', '--json'])
  await runCommand(url, ['users', 'invite'])
  t.match(await events('--subject', 'johndoe'), [])
  t.match(await events('--action', 'invitation_created'), [
    { action: 'invitation_created', actor: 'cli', subject: null, created_at: /Z$/ },
  ])
  t.equal((await events('--limit', '1')).length, 1)
  t.same(await events('--subject', 'a\0b'), [])
  t.match((await runCommand(url, ['events'])).stdout, /^last_at +action +outcome +actor +subject/)
  t.match(await runCommand(url, ['events', '--action', 'x']), { status: 2 })
})
