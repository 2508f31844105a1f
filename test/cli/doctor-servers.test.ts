import t, { type Test } from 'tap'
import { unreachableUrl } from '../database/query.js'
import { runCommand } from '../helpers/command.js'
import { newDatabase } from '../helpers/database.js'
import { hostOf, nameHosts } from '../helpers/hosts.js'
import { startImpostor } from '../helpers/pooler.js'
import { startProxy } from '../helpers/proxy.js'

interface Finding {
  check: string
  state: string
  explanation: string
}

/** Returns what `latchkey doctor` says of the servers of a URL. */
async function inspect(t: Test, url: string, env: Record<string, string> = {}): Promise<Finding[]> {
  const settings = { DATA_DIRECTORY: t.testdir(), ...env }
  const { stdout } = await runCommand(url, ['doctor', '--json'], { env: settings })
  return (JSON.parse(stdout) as Finding[]).filter(({ check }) => check.startsWith('servers of'))
}

t.test('the doctor asks every server of a list, but not a single one', async (t) => {
  const url = await newDatabase(t)
  const absent = await unreachableUrl()
  t.strictSame(await inspect(t, url), [])
  t.match(await inspect(t, nameHosts(url, [absent, url])), [
    {
      state: 'warn',
      check: 'servers of DATABASE_URL',
      explanation: `${hostOf(absent)} cannot be used (connect ECONNREFUSED ${hostOf(absent)}); ${hostOf(url)} accepts writes`,
    },
  ])
})

t.test('servers that do not replicate one another are a failure', async (t) => {
  const url = await newDatabase(t)
  const { url: second } = await startProxy(t, url)
  const other = await startImpostor(t, url)
  const list = nameHosts(url, [url, second], '?target_session_attrs=primary')
  t.match(await inspect(t, list, { DATABASE_DIRECT_URL: nameHosts(url, [url, other]) }), [
    { state: 'fail', check: 'servers of DATABASE_URL', explanation: /^several accept writes: / },
    {
      state: 'fail',
      check: 'servers of DATABASE_DIRECT_URL',
      explanation: /^they have different databases: /,
    },
  ])
})
