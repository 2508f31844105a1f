/** SQL for the own scopes of a row of `users`. A deleted scope is taken away in batches, and does not count until then. */
export const ownScopes = `ARRAY(
    SELECT one FROM unnest(users.scopes) AS one
    WHERE NOT EXISTS (SELECT FROM departures WHERE kind = 'scope' AND key = one)
  )`

/**
 * SQL for the scopes of a row of `users` beyond those that every user has: its own, those of its roles, and the default
 * scopes of resources.
 */
export const grantedScopes = `${ownScopes} || ARRAY(
    SELECT scope FROM user_roles JOIN role_scopes USING (role) WHERE user_id = users.id
    UNION SELECT name FROM resource_scopes WHERE by_default
    ORDER BY 1
  )`
