import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { parse } from 'yaml'

// Reads the provisioned data sources and dashboards, fails if one is not there, and lists the dashboards as Grafana does.

const provisioning = '/etc/grafana/provisioning'

/** @param {string} kind */
function read(kind) {
  const folder = join(provisioning, kind)
  return readdirSync(folder).map((file) => parse(readFileSync(join(folder, file), 'utf8')))
}

/** @type {{ uid: string, title: string }[]} */
const dashboards = read('dashboards')
  .flatMap(({ providers }) => providers)
  .flatMap(({ options: { path } }) =>
    readdirSync(path).map((file) => JSON.parse(readFileSync(join(path, file), 'utf8'))),
  )
if (read('datasources').length === 0 || dashboards.length === 0) throw new Error('nothing is provisioned')

/** @type {Record<string, object>} */
const answers = {
  '/api/health': { database: 'ok' },
  '/api/search?type=dash-db': dashboards.map(({ uid, title }) => ({ uid, title })),
}

createServer(({ url }, response) => {
  const body = answers[String(url)]
  response.writeHead(body ? 200 : 404, { 'content-type': 'application/json' }).end(JSON.stringify(body ?? {}))
}).listen(3000)
