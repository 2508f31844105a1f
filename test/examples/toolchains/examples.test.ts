import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmod, cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { delimiter, join, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import t, { type Test } from 'tap'
import { runIn } from '../../clients/generated-client.js'
import { skip as withoutGo } from '../../clients/toolchains/go.js'
import {
  createVirtualEnvironment,
  skip as withoutPython,
} from '../../clients/toolchains/virtual-environment.js'
import { makeFolder } from '../../database/folder.js'
import { clonePlainDatabase } from '../../helpers/database.js'
import { freePort } from '../../helpers/free-port.js'
import { startService } from '../../helpers/service.js'

// The programs of examples/compose.yaml without containers. Only addresses differ.

const compiler = 'node_modules/@typescript/native/bin/tsc'
const withoutNginx = spawnSync('nginx', ['-v']).error ? 'nginx is not installed' : false
const skip = withoutGo || withoutPython || withoutNginx

t.test('the examples call each other, until a token is revoked', { skip }, async (t) => {
  const folder = await makeFolder(t)
  await cp('examples', folder, { recursive: true })
  const database = { DATABASE_URL: await clonePlainDatabase(t), DATA_DIRECTORY: folder }
  const nginxPort = await freePort()
  const issuer = `http://127.0.0.1:${nginxPort}`
  const latchkey = await createCommandLine(folder, database)
  await latchkey(['sh', 'register.sh', '.'])
  const { port } = await startService(t, { ...database, ISSUER: issuer }, 'dist/src/server.js')

  const inventory = await startInventory(t, folder, issuer)
  const orders = await startOrders(t, folder, issuer, inventory)
  await startNginx(t, folder, [
    ['listen 8080', `listen 127.0.0.1:${nginxPort}`],
    ['latchkey:8000', `127.0.0.1:${port}`],
    ['orders:3000', new URL(orders).host],
  ])
  const worker = await startWorker(t, folder, issuer)

  const [, body = ''] = await worker.prints(/^200 (.*)\n/m)
  t.same(JSON.parse(body), {
    caller: 'client:worker',
    orders: [
      { id: 1, item: 'chair', quantity: 4, in_stock: 12 },
      { id: 2, item: 'table', quantity: 1, in_stock: 3 },
    ],
  })
  const refused = await fetch(`${issuer}/orders`)
  t.equal(refused.status, 401)
  t.match(refused.headers.get('www-authenticate'), /^Bearer/)
  t.equal((await fetch(`${inventory}/stock`)).status, 401)

  await latchkey(['latchkey', 'tokens', 'revoke', '--client', 'worker'])
  await worker.prints(/^401 .*\n200 .*\n/m)
  await latchkey(['latchkey', 'clients', 'disable', 'worker'])
  await worker.prints(/^401 .*\nno answer: .*invalid_client/m)
})

/** Makes the command `latchkey` available in a folder, and returns a function that runs a command there. */
async function createCommandLine(folder: string, env: Record<string, string>) {
  const settings = Object.entries(env).map(([name, value]) => `${name}='${value}'`)
  const command = [...settings, 'exec', process.execPath, resolve('dist/src/cli/latchkey.js'), '"$@"']
  await mkdir(join(folder, 'bin'))
  await writeFile(join(folder, 'bin/latchkey'), `#!/bin/sh\n${command.join(' ')}\n`)
  await chmod(join(folder, 'bin/latchkey'), 0o755)
  return ([file = '', ...args]: string[]) => runIn({ folder }, file, args, join(folder, 'bin'))
}

/** Returns the origin of the service. */
async function startInventory(t: Test, folder: string, issuer: string): Promise<string> {
  const cwd = join(folder, 'inventory')
  const bin = await createVirtualEnvironment({ folder: cwd })
  const args = ['inventory:app', '--host', '127.0.0.1', '--port', '0']
  const program = start(t, join(bin, 'uvicorn'), args, cwd, { ISSUER: issuer })
  const [origin] = await program.prints(/http:\/\/127\.0\.0\.1:\d+/)
  return origin
}

/** Returns the origin of the service. */
async function startOrders(t: Test, folder: string, issuer: string, inventory: string): Promise<string> {
  const cwd = join(folder, 'orders')
  await mkdir(join(cwd, 'node_modules/@latchkey'), { recursive: true })
  for (const name of ['fastify', 'jose', 'oauth4webapi'])
    await symlink(resolve('node_modules', name), join(cwd, 'node_modules', name))
  for (const name of ['client', 'verify']) {
    const installed = join(cwd, 'node_modules/@latchkey', name)
    const project = resolve('packages', name)
    await runIn({ folder: '.' }, process.execPath, [
      compiler,
      '-p',
      project,
      '--outDir',
      join(installed, 'dist'),
    ])
    await cp(join(project, 'package.json'), join(installed, 'package.json'))
  }
  const program = start(t, process.execPath, ['orders.js'], cwd, {
    ISSUER: issuer,
    INVENTORY_URL: inventory,
    SECRET_FILE: join(folder, 'orders.secret'),
    HOST: '127.0.0.1',
    PORT: '0',
  })
  const [origin] = await program.prints(/http:\/\/127\.0\.0\.1:\d+/)
  return origin
}

async function startNginx(t: Test, folder: string, addresses: [string, string][]): Promise<void> {
  const cwd = join(folder, 'nginx')
  const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  // The defaults belong to root.
  const temporary = kinds.map((kind) => `${kind}_temp_path ${cwd}/${kind};`).join(' ')
  let configuration = await readFile(join(cwd, 'nginx.conf'), 'utf8')
  for (const [address, actual] of addresses) configuration = configuration.replaceAll(address, actual)
  configuration = configuration.replace('/tmp/', `${cwd}/`).replace(/^http \{/m, `http { ${temporary}`)
  await writeFile(join(cwd, 'nginx.conf'), configuration)
  const options = `daemon off; pid ${cwd}/pid; error_log stderr notice;`
  const program = start(t, 'nginx', ['-e', 'stderr', '-c', join(cwd, 'nginx.conf'), '-g', options], cwd, {})
  await program.prints(/start worker process \d+/)
}

async function startWorker(t: Test, folder: string, issuer: string) {
  const cwd = join(folder, 'worker')
  await runIn({ folder: cwd }, 'go', ['build', '-o', 'worker', '.'])
  const secretFile = join(folder, 'worker.secret')
  return start(t, join(cwd, 'worker'), [], cwd, {
    ISSUER: issuer,
    ORDERS_URL: issuer,
    SECRET_FILE: secretFile,
  })
}

/** Starts a program that ends with the test. */
function start(t: Test, file: string, args: string[], cwd: string, env: Record<string, string>) {
  const path = [join(cwd, 'node_modules/.bin'), process.env.PATH].join(delimiter)
  const child: ChildProcessByStdio<null, Readable, Readable> = spawn(file, args, {
    cwd,
    env: { PATH: path, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = once(child, 'close')
  t.teardown(async () => {
    child.kill('SIGTERM')
    await ended
  })
  let printed = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      printed += text
      child.emit('printed')
    })
  return {
    /** Resolves with the match when the program has printed such a text. */
    async prints(pattern: RegExp): Promise<RegExpExecArray> {
      for (;;) {
        const match = pattern.exec(printed)
        if (match) return match
        const hasEnded = await Promise.race([
          once(child, 'printed').then(() => false),
          ended.then(() => true),
        ])
        if (hasEnded && !pattern.test(printed)) throw new Error(`${file} ended\n${printed}`)
      }
    },
  }
}
