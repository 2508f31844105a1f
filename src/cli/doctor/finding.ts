import type { Config } from '../../config/index.js'
import type { Database } from '../../database/client.js'

/** Result of one check: `fail` prevents the deployment from working or from being safe. */
export interface Finding {
  state: 'ok' | 'warn' | 'fail'
  check: string
  explanation: string
}

/** A deployment to check. */
export interface CheckContext {
  config: Config
  database: Database
  url: string
}

/** Checks one part of a deployment. What it throws counts as a failure. */
export type Check = (context: CheckContext) => Promise<Finding[]>

/** Explanations of a check that passes, and of one that does not, under the state that it gets then. */
type Explanations = { ok: string } & ({ warn: string } | { fail: string })

export function finding(check: string, passes: boolean, explanations: Explanations): Finding {
  if (passes) return { state: 'ok', check, explanation: explanations.ok }
  return 'warn' in explanations
    ? { state: 'warn', check, explanation: explanations.warn }
    : { state: 'fail', check, explanation: explanations.fail }
}
