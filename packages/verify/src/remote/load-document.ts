import { DocumentError } from '../errors/document-error.js'
import { type DocumentRequest, type Fetch, fetchDocument } from './fetch-document.js'
import type { Lifetime } from './lifetime.js'
import type { Loaded } from './remote-document.js'

/** A document to load, and how it is read. */
export interface DocumentSource<T> extends Omit<DocumentRequest, 'etag'> {
  /** @throws Error that says what is wrong with the text */
  parse(text: string): T | Promise<T>
  /** Returns how long the document may be used. It is also called for a 304, whose headers renew the copy. */
  lifetimeOf(value: T, headers: Headers): Lifetime
}

/**
 * Loads a document, or finds that the copy is still current.
 *
 * @throws DocumentError
 */
export async function loadDocument<T>(
  source: DocumentSource<T>,
  copy: Loaded<T> | null,
  fetch: Fetch,
): Promise<Loaded<T>> {
  const known = copy?.url === source.url ? copy : null
  const { text, headers } = await fetchDocument({ ...source, etag: known?.etag ?? null }, fetch)
  const etag = headers.get('etag')
  if (text === null) {
    const { value, etag: former } = known as Loaded<T>
    return { value, url: source.url, etag: etag ?? former, lifetime: source.lifetimeOf(value, headers) }
  }
  const value = await parseDocument(source, text, headers)
  return { value, url: source.url, etag, lifetime: source.lifetimeOf(value, headers) }
}

async function parseDocument<T>(source: DocumentSource<T>, text: string, headers: Headers): Promise<T> {
  try {
    return await source.parse(text)
  } catch (cause) {
    const type = headers.get('content-type') ?? 'no media type'
    throw new DocumentError(source, 'invalid', `is not valid (${type})`, { cause })
  }
}
