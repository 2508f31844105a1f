import { Type } from 'typebox'
import { pageParameters } from '../http/page.js'
import { nullableString, text } from '../http/schema.js'
import { actions } from './event.js'

/** An event as the world sees it. */
export const AuditEvent = Type.Object(
  {
    id: Type.String({ format: 'uuid' }),
    action: Type.String({ maxLength: 64, description: 'What happened.' }),
    outcome: Type.Enum(['ok', 'failed']),
    actor: nullableString({
      maxLength: 330,
      description: 'The `sub` of the user or client that did it; `cli` for an operator.',
    }),
    subject: nullableString({ maxLength: 330, description: 'The user or client it was done to.' }),
    address: nullableString({ maxLength: 45, description: 'The network address it came from.' }),
    request_id: nullableString({ maxLength: 64, description: 'The request, as the log has it.' }),
    count: Type.Integer({ description: 'How often, where failures are counted together.' }),
    created_at: Type.String({ format: 'date-time' }),
    last_at: Type.String({ format: 'date-time', description: 'When it was counted last.' }),
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

/** How one's own events are listed. */
export const OwnEventQuery = Type.Object(pageParameters, { additionalProperties: true })

/** How all events are listed. */
export const EventQuery = Type.Object(
  {
    ...pageParameters,
    action: Type.Optional(Type.Enum([...actions], { description: 'Only these.' })),
    subject: Type.Optional(
      text({ minLength: 1, maxLength: 330, description: 'Only of this user or client.' }),
    ),
  },
  { additionalProperties: true },
)
