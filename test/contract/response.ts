/** An answer as it came over the wire, repeated headers kept. */
export interface RawResponse {
  status: number
  headers: [name: string, value: string][]
  body: Buffer
}

const HEAD_END = '\r\n\r\n'

/** Reads an answer, or nothing while it is incomplete; `ended` says that no more bytes will come. */
export function parseResponse(bytes: Buffer, method: string, ended: boolean): RawResponse | undefined {
  const headEnd = bytes.indexOf(HEAD_END)
  if (headEnd < 0) return incomplete(bytes, ended)
  const head = parseHead(bytes.toString('latin1', 0, headEnd))
  const rest = bytes.subarray(headEnd + HEAD_END.length)
  if (head.status < 200) return parseResponse(rest, method, ended)
  const body = readBody(head, rest, method, ended)
  return body ? { ...head, body } : incomplete(bytes, ended)
}

/** The values of a header, in the order they came. */
export function headerValues(response: Pick<RawResponse, 'headers'>, name: string): string[] {
  const wanted = name.toLowerCase()
  return response.headers.filter(([found]) => found.toLowerCase() === wanted).map(([, value]) => value)
}

function incomplete(bytes: Buffer, ended: boolean): undefined {
  if (ended) throw new Error(`the connection closed after ${bytes.length} bytes of an incomplete answer`)
}

function parseHead(text: string): Omit<RawResponse, 'body'> {
  const [statusLine = '', ...lines] = text.split('\r\n')
  const status = /^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(statusLine)?.[1]
  if (status === undefined) throw new Error(`not an HTTP status line: ${JSON.stringify(statusLine)}`)
  return { status: Number(status), headers: lines.map(parseHeader) }
}

function parseHeader(line: string): [string, string] {
  const [, name, value] = /^([^\s:]+):[ \t]*(.*?)[ \t]*$/s.exec(line) ?? []
  if (name === undefined || value === undefined) throw new Error(`not a header: ${JSON.stringify(line)}`)
  return [name, value]
}

function readBody(
  head: Omit<RawResponse, 'body'>,
  rest: Buffer,
  method: string,
  ended: boolean,
): Buffer | undefined {
  if (method === 'HEAD' || head.status === 204 || head.status === 304) return Buffer.alloc(0)
  const coding = headerValues(head, 'transfer-encoding').at(-1)
  if (coding?.toLowerCase() === 'chunked') return decodeChunked(rest)
  const length = headerValues(head, 'content-length').at(0)
  if (length === undefined) return ended ? rest : undefined
  return rest.length < Number(length) ? undefined : rest.subarray(0, Number(length))
}

function decodeChunked(bytes: Buffer): Buffer | undefined {
  const chunks: Buffer[] = []
  let at = 0
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at)
    if (lineEnd < 0) return undefined
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16)
    if (Number.isNaN(size)) throw new Error('a chunk without a size')
    if (size === 0) return bytes.includes(HEAD_END, lineEnd) ? Buffer.concat(chunks) : undefined
    const start = lineEnd + 2
    at = start + size + 2
    if (bytes.length < at) return undefined
    chunks.push(bytes.subarray(start, start + size))
  }
}
