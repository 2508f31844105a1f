import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findAccount, giveTo } from '#dist/src/database/embedded/account.js'
import { isInstalled, start } from '../lib/children.js'
import { atEnd } from '../lib/cleanup.js'
import { NotAvailable } from '../lib/not-available.js'
import { waitForResponse } from '../lib/service.js'
import { findStablePort } from './ports.js'

/**
 * Starts nginx in front of the replicas, as docs/operations.md says, under an account without privileges.
 *
 * @param {number[]} ports of the replicas
 * @returns its URL
 * @throws NotAvailable if it is not installed
 */
export async function startNginx(ports) {
  if (!(await isInstalled('nginx'))) throw new NotAvailable('nginx is not installed')
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-nginx-'))
  atEnd(() => rm(folder, { recursive: true, force: true }))
  const port = await findStablePort()
  const file = join(folder, 'nginx.conf')
  await writeFile(file, configurationOf(folder, port, ports))
  const account = await findAccount(folder)
  await giveTo(account, folder)
  const { child } = start('nginx', ['-e', join(folder, 'error.log'), '-c', file], account)
  await waitForResponse(port, '/livez', child)
  return `http://127.0.0.1:${port}`
}

/**
 * @param {string} folder
 * @param {number} port
 * @param {number[]} replicas
 */
function configurationOf(folder, port, replicas) {
  const servers = replicas.map((replica) => `server 127.0.0.1:${replica} fail_timeout=1s;`)
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  return `daemon off;
pid ${folder}/nginx.pid;
worker_processes 1;
events { worker_connections 4096; }
http {
  access_log off;
  ${paths.map((path) => `${path}_temp_path ${folder}/${path};`).join(' ')}
  upstream latchkey {
    ${servers.join('\n    ')}
    keepalive 32;
    keepalive_timeout 4s;
  }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://latchkey;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_next_upstream error timeout non_idempotent;
      proxy_read_timeout 75s;
    }
  }
}
`
}
