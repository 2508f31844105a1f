import { spawn, spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { makeFolder } from '../database/folder.js'
import { query } from '../database/query.js'
import { logIn, startReplica, startReplicas } from '../helpers/replicas.js'
import type { Service } from '../helpers/service.js'
import { until } from '../helpers/wait.js'

const withoutNginx = spawnSync('nginx', ['-v']).error ? 'nginx is not installed' : false

/** How nginx keeps connections to a replica: as in docs/operations.md, for less time than the drain, or not at all. */
const upstreams = {
  'kept connections': 'keepalive 8; keepalive_timeout 500ms;',
  'a connection for each request': '',
}

for (const [what, keepalive] of Object.entries(upstreams))
  t.test(
    `a rolling restart of two replicas behind nginx loses no request, with ${what}`,
    { skip: withoutNginx },
    async (t) => {
      const settings = { DRAIN_SECONDS: '1', DATABASE_POOL_SIZE: '4' }
      const { url, one, other } = await startReplicas(t, settings)
      const nginx = await startNginx(t, [one, other], keepalive)
      const { access_token } = await logIn(one)
      const load = startLoad(t, nginx.socket, access_token)
      await until(() => load.served > 200)

      const replicas = [one, other]
      for (const [i, old] of replicas.entries()) {
        const servedBefore = load.served
        old.program.process.kill('SIGTERM')
        t.equal(await old.program.ends(), 0)
        replicas[i] = await startReplica(t, url, settings)
        await nginx.leadTo(replicas)
        await until(() => load.served > servedBefore + 200)
      }
      await load.stop()
      t.same(load.failures, [])
      const [{ count }] = (await query(url, "SELECT count(*)::int FROM items WHERE item_id LIKE 'w%'")) as [
        { count: number },
      ]
      t.equal(count, load.created, 'and executes none twice')
    },
  )

/** Starts nginx before the replicas, on a Unix socket, as a port could be taken by another process. */
async function startNginx(t: Test, replicas: Service[], keepalive: string) {
  const folder = await makeFolder(t)
  const socket = join(folder, 'nginx.sock')
  const file = join(folder, 'nginx.conf')
  const configure = (upstream: Service[]) =>
    writeFileSync(
      file,
      `daemon off; pid ${folder}/pid; error_log ${folder}/error.log;
      events {}
      http {
        access_log off;
        client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/fastcgi;
        uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
        upstream latchkey { ${upstream.map(({ host, port }) => `server ${host}:${port};`).join(' ')} ${keepalive} }
        server {
          listen unix:${socket};
          location / {
            proxy_pass http://latchkey; proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_next_upstream error timeout non_idempotent;
          }
        }
      }`,
    )
  configure(replicas)
  const child = spawn('nginx', ['-e', join(folder, 'error.log'), '-c', file], { stdio: 'ignore' })
  t.teardown(async () => {
    child.kill('SIGTERM')
    await once(child, 'exit')
  })
  const answers = () => send(socket, 'GET', '/livez').then(({ status }) => status === 200)
  await until(() => answers().catch(() => false))
  return {
    socket,
    async leadTo(upstream: Service[]) {
      configure(upstream)
      child.kill('SIGHUP')
      await until(answers)
    },
  }
}

/** Sends four streams of reads and writes without pause, with idempotency keys, and collects unexpected responses. */
function startLoad(t: Test, socket: string, token: string) {
  const load = { served: 0, created: 0, failures: [] as string[], stop }
  let stopped = false
  const agent = new Agent({ keepAlive: false })
  t.teardown(() => agent.destroy())
  async function run(line: number): Promise<void> {
    for (let i = 0; !stopped; i++) {
      const item = JSON.stringify({ item_id: `w${line}-${i}` })
      for (const [method, path, body, expected] of [
        ['GET', '/users/me/', undefined, 200],
        ['POST', '/users/me/items/', item, 201],
      ] as const) {
        const { status } = await send(socket, method, path, { token, body, agent }).catch((error: Error) => ({
          status: error.message,
        }))
        if (status === 201) load.created += 1
        if (status === expected) load.served += 1
        else load.failures.push(`${method} ${status}`)
      }
    }
  }
  const lines = [1, 2, 3, 4].map(run)
  async function stop(): Promise<void> {
    stopped = true
    await Promise.all(lines)
  }
  return load
}

interface Sent {
  token?: string
  body?: string | undefined
  agent?: Agent
}

async function send(socketPath: string, method: string, path: string, { token, body, agent }: Sent = {}) {
  const headers = {
    host: 'localhost',
    ...(token && { authorization: `Bearer ${token}` }),
    ...(body && {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      'idempotency-key': `"${randomUUID()}"`,
    }),
  }
  const sent = request({ socketPath, method, path, headers, ...(agent && { agent }) }).end(body)
  const [response] = (await once(sent, 'response')) as [import('node:http').IncomingMessage]
  return { status: response.statusCode, body: await text(response) }
}
