import { Type } from 'typebox'
import { pageParameters } from '../http/page.js'
import { nullableString, text, textEnum } from '../http/schema.js'
import { auditActions } from './event.js'

/** An audit event as the API shows it. */
export const AuditEvent = Type.Object(
  {
    id: Type.String({ format: 'uuid' }),
    action: Type.String({ maxLength: 64, description: 'What happened, such as `login`.' }),
    outcome: textEnum(['ok', 'failed']),
    actor: nullableString({
      maxLength: 330,
      description: '`sub` of the user or client that acted; `cli` for an operator; null if unknown.',
    }),
    subject: nullableString({
      maxLength: 330,
      description: 'User, client, resource, role or webhook that the action was about.',
    }),
    address: nullableString({ maxLength: 45, description: 'Network address of the client.' }),
    request_id: nullableString({ maxLength: 64, description: 'Id of the request, as in the log.' }),
    count: Type.Integer({
      description: 'Number of occurrences: repeated failures are counted in one event.',
    }),
    created_at: Type.String({ format: 'date-time' }),
    last_at: Type.String({ format: 'date-time', description: 'Time of the last occurrence.' }),
  },
  {
    $id: 'AuditEvent',
    examples: [
      {
        id: '01234567-89ab-7def-8123-456789abcdef',
        action: 'login',
        outcome: 'failed',
        actor: null,
        subject: 'johndoe',
        address: '192.0.2.1',
        request_id: '5e0c7a35-0a4c-4c5f-9d8e-6c8f1b0f7a52',
        count: 3,
        created_at: '2026-01-01T00:00:00.000Z',
        last_at: '2026-01-01T00:05:00.000Z',
      },
    ],
  },
)

/** Query parameters of the list of all events. */
export const EventQuery = Type.Object(
  {
    ...pageParameters,
    action: Type.Optional(textEnum(auditActions, { description: 'Only events of this action.' })),
    subject: Type.Optional(
      text({
        minLength: 1,
        maxLength: 330,
        description: 'Only events about this user, client, resource, role or webhook.',
      }),
    ),
  },
  { additionalProperties: true },
)
