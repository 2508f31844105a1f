import { Agent, get } from 'node:http'
import t, { type Test } from 'tap'
import { cloneDatabase } from './helpers/database.js'
import { type RunningProgram, startProgram } from './helpers/service.js'
import { until } from './helpers/wait.js'

const service = [process.execPath, ...process.execArgv, 'build/src/server.js']

t.test('a restart on a socket that stays open loses no request', async (t) => {
  const holder = await holdSocket(t, 'tcp', 2)
  await holder.prints('Server listening at')
  const port = Number(/"port":(\d+)/.exec(holder.stdout)?.[1])
  t.match(holder.stdout, `Server listening at http://127.0.0.1:${port}`, 'not at PORT')

  let isDone = false
  const clients = Array.from({ length: 8 }, async () => {
    const statuses: number[] = []
    while (!isDone) statuses.push(await getStatus(port))
    return statuses
  })
  const kept = new Agent({ keepAlive: true })
  t.teardown(() => kept.destroy())
  t.equal(await getStatus(port, kept), 200)
  endService(holder)
  t.equal(await getStatus(port, kept), 200, 'over a connection that was idle')
  await until(() => holder.stdout.split('Server listening at').length === 3)
  isDone = true
  const statuses = (await Promise.all(clients)).flat()
  t.same(new Set(statuses), new Set([200]))
  t.equal(await getStatus(port), 200)

  endService(holder)
  t.equal(await holder.ends(), 0)
  t.equal(holder.stderr, '')
})

t.test('a socket on which the service cannot listen is refused in one line', async (t) => {
  const refusals = [
    ['none', 'LISTEN_FDS promises a socket, but file descriptor 3 is not one'],
    ['unix', 'cannot listen on the socket of LISTEN_FDS: it must be one of TCP'],
    ['connected', 'cannot listen on the socket of LISTEN_FDS: invalid argument'],
  ] as const
  await Promise.all(
    refusals.map(async ([kind, problem]) => {
      const holder = await holdSocket(t, kind, 1)
      t.equal(await holder.ends(), 1, kind)
      t.equal(holder.stderr, `latchkey: ${problem}\n`)
    }),
  )
})

/** Starts a program that passes a socket to the service, and to another one when that has ended. */
async function holdSocket(t: Test, kind: string, runs: number): Promise<RunningProgram> {
  const env = { DATABASE_URL: await cloneDatabase(t), DRAIN_SECONDS: '0', PORT: '1' }
  return startProgram(t, 'test/fixtures/socket-holder.ts', env, { args: [kind, String(runs), ...service] })
}

/** Ends the service that was started last. */
function endService({ stdout }: RunningProgram): void {
  const pid = [...stdout.matchAll(/^process (\d+)$/gm)].at(-1)?.[1]
  process.kill(Number(pid), 'SIGTERM')
}

/** Sends a request, over a connection of its own unless there is an agent that keeps one. */
function getStatus(port: number, agent = new Agent()): Promise<number> {
  return new Promise((resolve, reject) => {
    get({ agent, port, host: '127.0.0.1', path: '/livez' }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0))
    }).on('error', reject)
  })
}
