const resourcePrefix = 'resource:'
const rolePrefix = 'role:'

/** Returns the subject of audit events about a resource. */
export function resourceSubject(name: string): string {
  return resourcePrefix + name
}

/** Returns the subject of audit events about a role. */
export function roleSubject(name: string): string {
  return rolePrefix + name
}

/** Returns whether the subject of an audit event can name a user. A username that looks like a resource or a role does not. */
export function isUserSubject(subject: string): boolean {
  return !subject.startsWith(resourcePrefix) && !subject.startsWith(rolePrefix)
}
