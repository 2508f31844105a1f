/** Maximum length of a URL (characters). */
export const maxUrlLength = 2_048

/** Returns an https URL without credentials and fragment, or null for any other text. */
export function toHttpsUrl(text: string): URL | null {
  if (text.length > maxUrlLength || !/^https:\/\/[\x21-\x7E]+$/.test(text) || !URL.canParse(text)) return null
  const url = new URL(text)
  const { protocol, username, password } = url
  return protocol === 'https:' && username === '' && password === '' && !text.includes('#') ? url : null
}
