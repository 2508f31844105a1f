/**
 * SQL for the scopes of a row of `users` beyond those that every user has: its own, those of its roles, and the default
 * scopes of resources.
 */
export const grantedScopes = `users.scopes || ARRAY(
    SELECT scope FROM user_roles JOIN role_scopes USING (role) WHERE user_id = users.id
    UNION SELECT name FROM resource_scopes WHERE by_default
    ORDER BY 1
  )`
