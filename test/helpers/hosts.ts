/** Returns a URL that names the hosts of several URLs instead of its own. */
export function nameHosts(url: string, urls: string[], parameters = ''): string {
  return url.replace(hostOf(url), urls.map(hostOf).join()) + parameters
}

/** Returns the host and port of a URL. */
export function hostOf(url: string): string {
  return new URL(url).host
}
