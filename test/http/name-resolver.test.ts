import type { LookupAddress } from 'node:dns'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import {
  createNameResolver,
  limitNameLookups,
  lookUpForConnection,
  resolveName,
} from '../../src/http/safe-fetch/name-resolver.js'

const addresses = [{ address: '192.0.2.1', family: 4 }]

/** Looks names up when the test says so. */
function manualLookups() {
  const names: string[] = []
  const ends: ((error?: Error) => void)[] = []
  function lookUp(name: string): Promise<LookupAddress[]> {
    names.push(name)
    return new Promise((resolve, reject) => {
      ends.push((error) => (error ? reject(error) : resolve(addresses)))
    })
  }
  return { names, ends, lookUp }
}

t.test('requests for a name share one lookup, and its failure', async (t) => {
  const { names, ends, lookUp } = manualLookups()
  const resolve = createNameResolver(2, lookUp)
  const first = ['a.example', 'a.example', 'a.example'].map(resolve)
  await nextTurn()
  ends[0]?.()
  t.same(await Promise.all(first), [addresses, addresses, addresses])
  const second = ['a.example', 'a.example'].map(resolve)
  await nextTurn()
  ends[1]?.(new Error('not found'))
  t.match(await Promise.allSettled(second), [{ status: 'rejected' }, { reason: { message: 'not found' } }])
  t.same(names, ['a.example', 'a.example'])
})

t.test('names beyond the maximum wait for a lookup to end, but addresses do not', async (t) => {
  const { names, ends, lookUp } = manualLookups()
  const resolve = createNameResolver(2, lookUp)
  const resolving = ['a.example', 'b.example', 'c.example', 'd.example'].map(resolve)
  t.same(await resolve('192.0.2.7'), [{ address: '192.0.2.7', family: 4 }])
  t.same(await resolve('2001:db8::7'), [{ address: '2001:db8::7', family: 6 }])
  t.same(names, ['a.example', 'b.example'])
  ends[1]?.()
  await resolving[1]
  await nextTurn()
  t.same(names, ['a.example', 'b.example', 'c.example'])
  for (const i of [0, 2]) ends[i]?.()
  await Promise.all([resolving[0], resolving[2]])
  await nextTurn()
  ends[3]?.()
  t.same(await resolving[3], addresses)
})

t.test(
  'a name that was looked up before does not wait for one whose name server does not answer',
  async (t) => {
    const { names, ends, lookUp } = manualLookups()
    const resolve = createNameResolver(1, lookUp)
    const first = resolve('a.example')
    await nextTurn()
    ends[0]?.()
    await first
    await nextTurn()
    const silent = resolve('b.example')
    t.same(await resolve('a.example'), addresses)
    t.same(names, ['a.example', 'b.example'])
    ends[1]?.()
    await silent
    await nextTurn()
    const again = resolve('a.example')
    await nextTurn()
    ends[2]?.()
    await again
    t.same(names, ['a.example', 'b.example', 'a.example'], 'otherwise it is looked up again')
  },
)

t.test('a connection gets the addresses of a name, or the error', async (t) => {
  const server = createServer((socket) => socket.end())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const open = (host: string) =>
    once(connect({ host, port, lookup: lookUpForConnection, autoSelectFamily: true }), 'connect')
  await open('localhost')
  await t.rejects(open('a'.repeat(300)), /getaddrinfo/)
})

t.test('the limit of the process can be set', async (t) => {
  limitNameLookups(2)
  t.teardown(() => limitNameLookups(1))
  t.same(await resolveName('192.0.2.7'), [{ address: '192.0.2.7', family: 4 }])
})
