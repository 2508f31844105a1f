import { DocumentError } from '../errors/document-error.js'
import { VerificationError } from '../errors/verification-error.js'
import type { StatusReference } from './claim.js'
import { createListDocument, type ListDocument, type ListOptions } from './list-document.js'
import { type StatusList, statusAt } from './status-list.js'

/** Settings of the status lists. */
export interface StatusListsOptions extends ListOptions {
  /** Origins at which lists may be, as the URIs of the lists spell them. */
  origins: readonly string[]
  /** Maximum number of lists in memory. */
  maxStatusLists: number
}

/** The status lists of an issuer. */
export interface StatusLists {
  /**
   * Checks that the entry of a token is valid.
   *
   * @throws VerificationError `token_revoked`, `bad_status`, `status_unavailable`
   * @throws the reason of the signal
   */
  check(reference: StatusReference, signal?: AbortSignal): Promise<void>
}

/** Creates an empty collection. A list is fetched when a token names it. */
export function createStatusLists(options: StatusListsOptions): StatusLists {
  /** Lists by their URI, the one that was used last at the end. */
  const documents = new Map<string, ListDocument>()

  async function check({ uri, idx }: StatusReference, signal?: AbortSignal): Promise<void> {
    const list = await getList(uri, signal)
    const status = list ? statusAt(list, idx) : undefined
    if (status === undefined) throw new VerificationError('bad_status')
    if (status !== 0) throw new VerificationError('token_revoked')
  }

  async function getList(uri: string, signal: AbortSignal | undefined): Promise<StatusList | null> {
    try {
      return await documentOf(uri).get(signal)
    } catch (cause) {
      throw cause instanceof DocumentError ? new VerificationError('status_unavailable', { cause }) : cause
    }
  }

  /** Returns the document of a list, and forgets the list that was not used for the longest time if there are too many. */
  function documentOf(uri: string): ListDocument {
    const document = documents.get(uri) ?? createDocument(uri)
    documents.delete(uri)
    documents.set(uri, document)
    const [oldest] = documents.keys()
    if (documents.size > options.maxStatusLists) documents.delete(String(oldest))
    return document
  }

  function createDocument(uri: string): ListDocument {
    if (!isAllowed(uri, options.origins)) throw new VerificationError('bad_status')
    return createListDocument(uri, options)
  }

  return { check }
}

/** Returns whether a URI is at one of the origins, and is otherwise spelled as it would be sent: one list has one URI. */
function isAllowed(uri: string, origins: readonly string[]): boolean {
  const origin = origins.find((allowed) => uri.startsWith(`${allowed}/`))
  if (origin === undefined || uri.includes('#')) return false
  return new URL(uri).href === new URL(origin).origin + uri.slice(origin.length)
}
