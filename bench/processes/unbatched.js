import { register } from 'node:module'

// Starts the service without the batches of responses: a plugin of the same name, which does nothing, takes their place.

const replaced = 'http/batch-responses.js'
const replacement = `
export const batchedResponses = async () => {}
batchedResponses[Symbol.for('skip-override')] = true
batchedResponses[Symbol.for('plugin-meta')] = { name: 'batched-responses' }`

const hooks = `
export async function load(url, context, nextLoad) {
  if (!url.endsWith(${JSON.stringify(`/${replaced}`)})) return nextLoad(url, context)
  return { format: 'module', shortCircuit: true, source: ${JSON.stringify(replacement)} }
}`

register(`data:text/javascript,${encodeURIComponent(hooks)}`)
const { runService } = await import('#dist/src/service.js')
void runService([])
