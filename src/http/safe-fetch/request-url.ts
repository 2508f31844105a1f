/** Maximum length of a URL (characters). */
export const maxUrlLength = 2_048

/** Returns an https URL without credentials and fragment, or null for any other text. */
export function toHttpsUrl(text: string): URL | null {
  const url = toUrl(text)
  return url?.protocol === 'https:' ? url : null
}

/** Returns the same for an http URL too, if its host is one of the internal ones. */
export function toRequestUrl(text: string, internalHosts: readonly string[]): URL | null {
  const url = toUrl(text)
  return url && (url.protocol === 'https:' || isInternal(url, internalHosts)) ? url : null
}

/** Returns whether the host of a URL, with its port unless that is the default one, is one of the internal ones. */
export function isInternal({ host }: URL, internalHosts: readonly string[]): boolean {
  return internalHosts.includes(host)
}

/** Returns the host of a URL, an IPv6 address without its brackets. */
export function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '')
}

function toUrl(text: string): URL | null {
  if (text.length > maxUrlLength || !/^https?:\/\/[\x21-\x7E]+$/.test(text) || !URL.canParse(text))
    return null
  const url = new URL(text)
  return url.username === '' && url.password === '' && !text.includes('#') ? url : null
}
