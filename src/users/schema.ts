import { Type } from 'typebox'
import { nullableString } from '../schema.js'

/** The current user as the world sees it: these four members and no more. */
export const User = Type.Object(
  {
    username: Type.String({ maxLength: 255, description: 'The name the user signs in with.' }),
    email: nullableString({ maxLength: 254, description: 'The e-mail address, when there is one.' }),
    full_name: nullableString({ maxLength: 255, description: 'The name to show to people.' }),
    disabled: Type.Boolean({ description: 'Whether the user is locked out.' }),
  },
  {
    $id: 'User',
    examples: [{ username: 'johndoe', email: 'johndoe@example.com', full_name: 'John Doe', disabled: false }],
  },
)
