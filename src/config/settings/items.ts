import { flag, integer } from './kinds.js'

export const itemSettings = {
  REQUIRE_IF_MATCH: flag({
    description:
      'Whether a request that changes an item, a resource or a role must state the version it is meant for, with `If-Match` or `If-None-Match`.',
    default: false,
    example: 'true',
    since: '0.1.0',
  }),

  IMPORT_MAX_LINES: integer({
    description: 'Maximum number of lines in an import of items.',
    default: 10_000,
    minimum: 1,
    maximum: 100_000,
    example: '50000',
    since: 'unreleased',
  }),
}
