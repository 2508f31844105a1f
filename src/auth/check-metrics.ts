import type { FastifyRequest } from 'fastify'
import { type ErrorCode, ServiceError } from '../errors.js'
import type { checkPlaces, checkResults } from '../metrics/catalogue/tokens.js'
import type { Metrics } from '../metrics/index.js'

type Result = (typeof checkResults)[number]

/** Results by the error of the response. A check that ends with another error has no result. */
const results: Partial<Record<ErrorCode, Result>> = {
  not_authenticated: 'missing',
  invalid_token: 'invalid',
  inactive_user: 'inactive_user',
  insufficient_scope: 'insufficient_scope',
  password_change_required: 'password_change_required',
}

/** Counts the results of a hook that checks access tokens. */
export function countChecks<Rest extends unknown[], T>(
  place: (typeof checkPlaces)[number],
  { metrics }: { metrics: Pick<Metrics, 'tokenChecks'> },
  check: (request: FastifyRequest, ...rest: Rest) => Promise<T>,
): (request: FastifyRequest, ...rest: Rest) => Promise<T> {
  const countOk = metrics.tokenChecks.counterOf({ place, result: 'ok' })
  return async function checkAndCount(request, ...rest) {
    try {
      const value = await check(request, ...rest)
      countOk()
      return value
    } catch (error) {
      const result = error instanceof ServiceError && results[error.code]
      if (result) metrics.tokenChecks.add({ place, result })
      throw error
    }
  }
}
