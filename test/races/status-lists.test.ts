import t from 'tap'
import { openDatabase } from '../../src/database/client.js'
import { query } from '../database/query.js'
import { storeClient } from '../helpers/clients.js'
import { postForm, startReplica, startReplicas, until } from '../helpers/replicas.js'
import type { Service } from '../helpers/service.js'
import { entryOf } from '../helpers/status.js'

const secret = 'the secret of every client'
const clients = ['shop', 'till', 'desk', 'cart']

t.test('no entry is given twice while replicas are killed and started again under load', async (t) => {
  const { url, one, other } = await startReplicas(t)
  const database = openDatabase({ databasePoolSize: 1, databaseTimeoutSeconds: 10 }, url)
  for (const clientId of clients) await storeClient(database, clientId, secret)
  await database.$disconnect()
  const replicas: [Service, Service] = [one, other]
  const tokens: string[] = []
  let isOver = false

  /** Requests tokens until the end. Requests that a killed replica does not answer are lost. */
  async function load(number: number): Promise<void> {
    for (let request = 0; !isOver; request++) {
      const form = {
        ...{ grant_type: 'client_credentials', client_id: String(clients[request % clients.length]) },
        ...{ client_secret: secret, scope: request % 3 === 0 ? 'me' : 'items:read' },
      }
      const answer = await postForm(replicas[number % 2 === 0 ? 0 : 1], '/token', form).catch(() => null)
      if (answer?.status === 200) tokens.push(String(answer.body.access_token))
    }
  }
  /** Resolves when a number of further tokens have been issued. */
  async function issue(count: number): Promise<void> {
    const wanted = tokens.length + count
    await until(`${count} tokens`, async () => tokens.length >= wanted)
  }

  const loads = Array.from({ length: 8 }, (_, number) => load(number))
  for (let killed = 0; killed < 4; killed++) {
    await issue(200)
    const index = killed % 2 === 0 ? 0 : 1
    replicas[index].program.process.kill('SIGKILL')
    t.equal(await replicas[index].program.ends(), 'SIGKILL')
    replicas[index] = await startReplica(t, url)
  }
  await issue(200)
  isOver = true
  await Promise.all(loads)

  const entries = tokens.map((token) => JSON.stringify(entryOf(token)))
  t.ok(entries.length >= 1_000 && !entries.includes('null'), `${entries.length} tokens`)
  t.equal(new Set(entries).size, entries.length)
  const [overlap] = await query(
    url,
    `SELECT one.list_id FROM status_blocks AS one JOIN status_blocks AS other USING (list_id)
     WHERE one.first < other.first AND other.first < one.first + one.count`,
  )
  t.equal(overlap, undefined)
})
