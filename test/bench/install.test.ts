import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { NotAvailable } from '#bench/lib/not-available.js'
import { installPeer } from '#bench/peers/install.js'

t.test('a peer is installed once for the same files and the same runtime', async (t) => {
  const source = t.testdir({ source: { 'package.json': '1' }, cache: {} })
  const installed: string[] = []
  const install = (runtime: string) =>
    installPeer(
      'peer',
      join(source, 'source'),
      runtime,
      async (folder) => installed.push(readFileSync(join(folder, 'package.json'), 'utf8')),
      join(source, 'cache'),
    )
  const folder = await install('20')
  t.equal(await install('20'), folder)
  t.same(installed, ['1'])
  t.not(await install('24'), folder)
  writeFileSync(join(source, 'source/package.json'), '2')
  t.not(await install('20'), folder)
  t.same(installed, ['1', '1', '2'])
})

t.test('a failed installation is not available, says why, and is repeated', async (t) => {
  const folder = t.testdir({ source: { 'package.json': '1' }, cache: {} })
  let attempts = 0
  const fail = async () => {
    attempts += 1
    throw Object.assign(new Error('Command failed'), { stderr: 'npm warn x\nnpm error code EAI_AGAIN\n' })
  }
  const install = () => installPeer('peer', join(folder, 'source'), '20', fail, join(folder, 'cache'))
  for (const _ of [1, 2]) {
    const reason = await install().catch((error) => error)
    t.ok(reason instanceof NotAvailable)
    t.match(reason.message, 'npm error code EAI_AGAIN')
  }
  t.equal(attempts, 2)
})
