/**
 * Returns whether this is Cloudflare Workers, where a fetch ends with the request that started it: another request must not
 * wait for it.
 */
export function isWorkers(): boolean {
  const { navigator } = globalThis as { navigator?: { userAgent?: string } }
  return navigator?.userAgent === 'Cloudflare-Workers'
}
