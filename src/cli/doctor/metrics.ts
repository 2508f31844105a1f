import { isIP } from 'node:net'
import type { Config } from '../../config/index.js'
import { isPermitted } from '../../http/safe-fetch/address.js'
import { catalogue } from '../../metrics/catalogue/index.js'
import { checkListener, get } from './address.js'
import type { Finding } from './finding.js'

/** Checks where metrics are served, if they are: that the address can be listened on, and that strangers cannot reach it. */
export async function checkMetrics({
  metricsHost: host,
  metricsPort: port,
}: Pick<Config, 'metricsHost' | 'metricsPort'>): Promise<Finding[]> {
  if (port === undefined) return []
  const check = 'metrics'
  const settings = 'METRICS_HOST and METRICS_PORT'
  const listening = await checkListener(check, { host, port, settings, isOurs: servesMetrics })
  if (!isPublic(host)) return [listening]
  const explanation = 'METRICS_HOST is a public address: everyone who reaches it can read the metrics'
  return [listening, { state: 'warn', check, explanation }]
}

/** Returns whether a process of ours serves its metrics at an origin. */
async function servesMetrics(origin: string): Promise<boolean> {
  try {
    const response = await get(`${origin}/metrics`)
    return (await response.text()).includes(`${catalogue.build.name}_info{`)
  } catch {
    return false
  }
}

/** Returns whether a host is an address that is not in a private network. A name, or all addresses, may be anything. */
function isPublic(host: string): boolean {
  return isIP(host) !== 0 && isPermitted(host, false)
}
