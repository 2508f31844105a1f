import { base64url } from 'jose'

/** Number of entries of the list, as many as Latchkey's have. */
const entries = 1_048_576

/** The entries of a status list, one bit each. */
export interface StatusEntries {
  /** Returns the index of a new entry. */
  add(): number
  /** Sets an entry to "invalid". */
  revoke(idx: number): void
  /** Returns the value of `lst` (draft-ietf-oauth-status-list §4.2). */
  encode(): Promise<string>
}

/** Creates a list in which every entry is valid. */
export function createStatusEntries(): StatusEntries {
  const bits = new Uint8Array(entries / 8)
  let next = 0
  return {
    add: () => next++,
    revoke(idx) {
      const byte = Math.floor(idx / 8)
      bits[byte] = Number(bits[byte]) | (1 << (idx % 8))
    },
    async encode() {
      const stream = new Blob([bits]).stream().pipeThrough(new CompressionStream('deflate'))
      return base64url.encode(new Uint8Array(await new Response(stream).arrayBuffer()))
    },
  }
}
