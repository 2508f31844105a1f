import { join } from 'node:path'
import { findFreePort } from '#dist/src/database/embedded/port.js'
import { run, silent, start } from '../../lib/children.js'
import { startFleet } from '../../lib/fleet.js'
import { waitForResponse } from '../../lib/service.js'
import { installPeer } from '../install.js'

const source = join(import.meta.dirname, 'project')
/** The resource server that access tokens are for, if a request names it. Without one they are opaque. */
export const resource = 'https://items.example.com'

/**
 * Starts processes of a server on node-oidc-provider.
 *
 * @param {number} count
 * @param {import('../../lib/environment.js').Credentials} client registered with each process
 * @param {string} [databaseUrl] its storage, otherwise it is in memory
 * @throws {NotAvailable} without a network for the first installation
 */
export async function startOidcProvider(count, client, databaseUrl) {
  const folder = await installPeer('oidc-provider', source, process.version, install)
  return startFleet(count, async () => {
    const port = await findFreePort()
    const task = JSON.stringify({ port, client, resource, databaseUrl })
    const env = { ...process.env, NODE_ENV: 'production' }
    const { child } = start(process.execPath, [join(folder, 'server.js'), task], { env, ...silent })
    await waitForResponse(port, '/.well-known/openid-configuration', child)
    return { url: `http://127.0.0.1:${port}`, pid: Number(child.pid) }
  })
}

/** @param {string} folder */
async function install(folder) {
  return run('npm', ['ci', '--prefix', folder, '--workspaces=false', '--omit=dev', '--no-audit', '--no-fund'])
}
