import { Type } from 'typebox'

/** URIs of the status lists (draft-ietf-oauth-status-list §9.3). */
export const StatusListAggregation = Type.Object(
  {
    status_lists: Type.Array(Type.String(), { description: 'URIs of the status lists, the oldest first.' }),
  },
  {
    $id: 'StatusListAggregation',
    examples: [{ status_lists: ['http://localhost:8000/status-lists/VxDHaQrjKvM'] }],
  },
)

/** Schemas that the routes of status lists refer to. */
export const statusSchemas = [StatusListAggregation]
