import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { measureLogins } from '#bench/lib/logins.js'
import { duringLogins } from '#bench/scenarios/floods.js'

const reads = { rate: 1, unexpected: 0 }

/** Starts a server that responds to logins with these statuses, and afterwards with 200. */
async function serve(t: Test, statuses: number[]) {
  const server = createServer((_, response) => {
    if (statuses.length === 0) server.emit('sent')
    response.writeHead(statuses.shift() ?? 200).end()
  }).listen(0, '127.0.0.1')
  const sent = once(server, 'sent')
  t.teardown(() => server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { load: { url: `http://127.0.0.1:${port}`, usernames: ['someone'], connections: 1 }, sent }
}

t.test('logins refused during reads are counted apart from other failures', async (t) => {
  const { load, sent } = await serve(t, [503, 500, 503])
  const measured = await duringLogins([load], () => sent.then(() => reads))
  t.match(measured, { rate: 1, unexpected: 1, refused: 2 })
})

t.test('a refused login is unexpected where logins are what is measured', async (t) => {
  const { load } = await serve(t, [503])
  t.match(await measureLogins({ ...load, seconds: 0 }), { unexpected: 1 })
})
