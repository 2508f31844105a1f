const resourcePrefix = 'resource:'
const rolePrefix = 'role:'
const webhookPrefix = 'webhook:'

/** Returns the subject of audit events about a resource. */
export function resourceSubject(name: string): string {
  return resourcePrefix + name
}

/** Returns the subject of audit events about a role. */
export function roleSubject(name: string): string {
  return rolePrefix + name
}

/** Returns the subject of audit events about a webhook. */
export function webhookSubject(name: string): string {
  return webhookPrefix + name
}

/** Returns whether the subject of an audit event can name a user. A username that looks like another subject does not. */
export function isUserSubject(subject: string): boolean {
  return ![resourcePrefix, rolePrefix, webhookPrefix].some((prefix) => subject.startsWith(prefix))
}
