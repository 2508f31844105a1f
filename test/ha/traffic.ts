import type { Test } from 'tap'
import { createUser, logIn } from '../helpers/replicas.js'
import type { Service } from '../helpers/service.js'
import type { Cluster } from './cluster.js'
import { untilOrExplain } from './limit.js'
import { read, useRevoked } from './readers.js'
import { type Client, createClient, type Exchange, type Purpose } from './requests.js'
import { logInAndOut, type Visitor } from './visitors.js'
import { type Writer, write } from './writers.js'

/** Requests to two services over one database. */
export interface Traffic {
  client: Client
  writers: Writer[]
  /** Returns the requests of a kind that did not succeed. */
  failures(purpose: Purpose): Exchange[]
  /** Resolves when all writers have added items, and tokens were revoked at both services, from now on. */
  untilFlowing(): Promise<void>
  stop(): Promise<void>
}

/** Number of connections over which items are added. */
const writerCount = 8
/** Number of items that each writer must add to show that it can. Of a visitor one revocation is enough. */
const enough = 10

/** Starts requests. They stop with the test at the latest. */
export async function startTraffic(
  t: Test,
  { url, describe }: Cluster,
  services: [Service, Service],
): Promise<Traffic> {
  const [one, other] = services
  const client = createClient()
  const writers: Writer[] = []
  for (let number = 0; number < writerCount; number++) {
    const service = number % 2 === 0 ? one : other
    const username = await createUser(url)
    const { access_token: token } = await logIn(service, username)
    writers.push({ owner: { username, token, service }, confirmed: [], refused: [] })
  }
  const visitors: Visitor[] = [
    { username: await createUser(url), one, other, revoked: [] },
    { username: await createUser(url), one: other, other: one, revoked: [] },
  ]
  let hasStopped = false
  const isStopped = () => hasStopped
  const { token } = (writers[0] as Writer).owner
  const running = Promise.all([
    ...writers.map((writer) => write(writer, client, isStopped)),
    ...visitors.map((visitor) => logInAndOut(visitor, client, isStopped)),
    ...services.flatMap((service) => [
      read(service, token, client, isStopped),
      ...visitors.map(({ revoked }) => useRevoked(service, revoked, client, isStopped)),
    ]),
  ])
  async function stop(): Promise<void> {
    hasStopped = true
    await running
  }
  t.teardown(stop)
  const counts = () => [
    ...writers.map(({ confirmed }) => confirmed.length),
    ...visitors.map(({ revoked }) => enough * revoked.length),
  ]
  return {
    client,
    writers,
    failures: (purpose) =>
      client.exchanges.filter((exchange) => exchange.purpose === purpose && exchange.status >= 300),
    async untilFlowing() {
      const before = counts()
      const isFlowing = () => counts().every((count, index) => count >= Number(before[index]) + enough)
      await untilOrExplain('the traffic flows', isFlowing, describe)
    },
    stop,
  }
}
