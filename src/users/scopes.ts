/** Scopes that an administrator can grant to a user beyond those that every user has. */
export const grantableScopes = ['users:admin', 'items:admin'] as const
