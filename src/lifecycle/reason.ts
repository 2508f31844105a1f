/** Matches the text that Prisma's client puts before the reason of a failed query: the call and a part of its source. */
const prismaHeading = /^Invalid `[^`]*` invocation/
/** Matches the forms in which Prisma's client passes on the message of PostgreSQL. */
const passedOn = /^(?:Raw query failed|Database error)\. Code: `[^`]*`\. Message: `(.*)`$/s

/**
 * Returns why something failed, in one line: the message of the error, without what Prisma's client adds to it, and without
 * characters that could control a terminal. The message can contain names from a database.
 */
export function reasonOf(error: Error & { code?: string }): string {
  const message = error.message.trim()
  const reason = prismaHeading.test(message) ? message.slice(message.lastIndexOf('\n') + 1) : message
  const text = passedOn.exec(reason)?.[1] ?? reason
  // The message is empty if a host has several addresses.
  return text.replace(/[\s\p{C}]+/gu, ' ') || String(error.code)
}
