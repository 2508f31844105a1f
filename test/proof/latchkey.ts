import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { query } from '../database/query.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase } from '../helpers/database.js'
import { type Answer, cheapHash, postForm, startReplica } from '../helpers/replicas.js'
import type { Service } from '../helpers/service.js'
import { type Front, startFront } from './front.js'

/** Two replicas behind a proxy, with a resource and clients that may use it. */
export interface Latchkey {
  front: Front
  /** Runs a command. @returns its result */
  run<Result = Record<string, unknown>>(...args: string[]): Promise<Result>
  /** Path of the file that has the client's current secret. */
  secretFileOf(clientId: string): string
  /** Gets a token for a client that acts for itself, past the proxy. */
  issueToken(clientId: string): Promise<string>
  /** Posts a form as a client, past the proxy. */
  post(path: string, clientId: string, form: Record<string, string>): Promise<Answer>
  /** Gives a client a new secret. The former one remains valid. */
  rotateSecret(clientId: string): Promise<void>
  /** Replaces one replica after the other, as a new version is rolled out. */
  restart(): Promise<void>
  /** Kills both replicas, and starts others. */
  crash(): Promise<void>
}

/** Audience of the service that is called. */
export const audience = 'https://orders.example'
export const scope = 'orders:read'
/** Lifetime of the tokens (seconds): the shortest there is, so that they are renewed within the test. */
const tokenSeconds = 60

/** Starts Latchkey with clients, whose secrets are in files. */
export async function startLatchkey(t: Test, clientIds: string[]): Promise<Latchkey> {
  const front = await startFront(t)
  const url = await cloneDatabase(t)
  await query(url, 'UPDATE users SET hashed_password = $1, rehashed_at = now()', [cheapHash])
  const settings = { ISSUER: front.origin, JWKS_MAX_AGE_SECONDS: '5' }
  const secrets = t.testdir()

  async function run<Result = Record<string, unknown>>(...args: string[]): Promise<Result> {
    const { status, stdout, stderr } = await runCommand(url, [...args, '--json'], { env: settings })
    if (status !== 0) throw new Error(`latchkey ${args.join(' ')}: ${stderr}`)
    return JSON.parse(stdout) as Result
  }

  const secretFileOf = (clientId: string) => join(secrets, clientId)
  const keepSecret = (clientId: string, { client_secret }: Record<string, unknown>) =>
    writeFileSync(secretFileOf(clientId), String(client_secret))

  await run(
    ...['resources', 'create', 'orders', '--audience', audience],
    ...['--scope', scope, '--default-scope', scope, '--token-ttl', String(tokenSeconds)],
  )
  for (const clientId of clientIds) {
    const grants = ['client_credentials', 'password', 'refresh_token'].flatMap((grant) => ['--grant', grant])
    keepSecret(
      clientId,
      await run('clients', 'create', clientId, '--name', clientId, ...grants, '--scope', scope),
    )
  }
  const start = () => startReplica(t, url, settings)
  const startAll = () => Promise.all([start(), start()])
  const replicas: Service[] = await startAll()
  const leadTo = (others: Service[]) => front.leadTo(others.map(({ origin }) => origin))
  leadTo(replicas)

  function post(path: string, clientId: string, form: Record<string, string>): Promise<Answer> {
    const credentials = { client_id: clientId, client_secret: readFileSync(secretFileOf(clientId), 'utf8') }
    return postForm(replicas[0] as Service, path, { ...credentials, ...form })
  }

  return {
    front,
    run,
    secretFileOf,
    post,
    async issueToken(clientId) {
      const { body } = await post('/token', clientId, { grant_type: 'client_credentials', scope })
      return String(body.access_token)
    },
    rotateSecret: async (clientId) => keepSecret(clientId, await run('clients', 'rotate-secret', clientId)),
    async restart() {
      for (const [index, replica] of replicas.entries()) {
        const { program } = replica
        leadTo(replicas.filter((other) => other !== replica))
        program.process.kill('SIGTERM')
        await program.ends()
        replicas[index] = await start()
        leadTo(replicas)
      }
    },
    async crash() {
      for (const { program } of replicas) program.process.kill('SIGKILL')
      await Promise.all(replicas.map(({ program }) => program.ends()))
      replicas.splice(0, replicas.length, ...(await startAll()))
      leadTo(replicas)
    },
  }
}
