import { createHash } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { isUnchanged } from './etag.js'

/** A response that never changes while the process runs. All requests share its buffer. */
export interface StaticFile {
  body: Buffer
  headers: Record<string, string> & { etag: string }
}

/** Creates a file whose entity tag is the digest of its content. */
export function createFile(
  content: string | Buffer,
  type: string,
  headers: Record<string, string>,
): StaticFile {
  const body = Buffer.from(content)
  const digest = createHash('sha256').update(body).digest('base64url')
  return { body, headers: { 'content-type': type, etag: `"${digest}"`, ...headers } }
}

/** Sends a file, or 304 to a client that already has it (RFC 9110 §15.4.5). */
export function sendFile(
  request: FastifyRequest,
  reply: FastifyReply,
  { body, headers }: StaticFile,
): FastifyReply {
  const isCurrent = isUnchanged(request.headers, headers.etag)
  reply.headers(headers)
  return isCurrent ? reply.code(304).send() : reply.send(body)
}
