import type { Transaction } from '../database/client.js'
import { isStorable } from '../database/storable.js'

/** A named set of scopes that is granted to users. */
export interface Role {
  name: string
  description: string | null
  scopes: string[]
  createdAt: Date
  updatedAt: Date
}

const columns = {
  name: true,
  description: true,
  createdAt: true,
  updatedAt: true,
  scopes: { select: { scope: true }, orderBy: { scope: 'asc' } },
} as const

/** Returns roles sorted by name. @param after name that the page begins after */
export async function listRoles(
  { limit, after }: { limit?: number; after?: string | undefined },
  database: Transaction,
): Promise<Role[]> {
  const rows = await database.role.findMany({
    ...(after !== undefined && { where: { name: { gt: after } } }),
    ...(limit !== undefined && { take: limit }),
    orderBy: { name: 'asc' },
    select: columns,
  })
  return rows.map(toRole)
}

/** Returns a role, or null. */
export async function findRole(name: string, database: Transaction): Promise<Role | null> {
  if (!isStorable(name)) return null
  const row = await database.role.findUnique({ where: { name }, select: columns })
  return row && toRole(row)
}

/** Returns a role, which no other transaction can change or grant until this one ends, or null. */
export async function lockRole(name: string, transaction: Transaction): Promise<Role | null> {
  await transaction.$executeRaw`SELECT 1 FROM roles WHERE name = ${name} FOR UPDATE`
  return findRole(name, transaction)
}

/** Adds a role without scopes. Returns false if its name is taken. */
export async function addRole(
  role: Pick<Role, 'name' | 'description'>,
  database: Transaction,
): Promise<boolean> {
  const { count } = await database.role.createMany({ data: [role], skipDuplicates: true })
  return count === 1
}

/** Changes a role itself, but not its scopes. Always updates `updated_at`. */
export async function updateRole(
  name: string,
  changes: Partial<Pick<Role, 'description'>>,
  database: Transaction,
): Promise<void> {
  // With the name, since Prisma sends no statement for empty data.
  await database.role.updateMany({ where: { name }, data: { ...changes, name } })
}

/** Replaces the scopes of a role, which must exist. */
export async function replaceScopes(
  roleName: string,
  scopes: string[],
  transaction: Transaction,
): Promise<void> {
  await transaction.roleScope.deleteMany({ where: { roleName, scope: { notIn: scopes } } })
  const data = scopes.map((scope) => ({ roleName, scope }))
  await transaction.roleScope.createMany({ data, skipDuplicates: true })
}

/** Deletes a role, which takes it from all users. */
export async function removeRole(name: string, database: Transaction): Promise<void> {
  await database.role.deleteMany({ where: { name } })
}

/** Returns the number of users by the names of their roles. */
export async function countUsers(database: Transaction): Promise<Map<string, number>> {
  const counts = await database.userRole.groupBy({ by: ['roleName'], _count: true })
  return new Map(counts.map(({ roleName, _count }) => [roleName, _count]))
}

/** Locks a role against deletion until the transaction ends. Returns whether it exists. */
export async function lockRoleKey(name: string, transaction: Transaction): Promise<boolean> {
  const found = await transaction.$executeRaw`SELECT 1 FROM roles WHERE name = ${name} FOR KEY SHARE`
  return found === 1
}

/** Locks a user against deletion until the transaction ends. Returns null if there is none. */
export async function lockUserKey(
  username: string,
  transaction: Transaction,
): Promise<{ id: string; username: string } | null> {
  const [user] = await transaction.$queryRaw<{ id: string; username: string }[]>`
    SELECT id, username FROM users WHERE username = ${username} FOR KEY SHARE`
  return user ?? null
}

/** Gives a user a role. Both must exist until the transaction ends. Returns false if the user has it already. */
export async function addUserRole(
  userId: string,
  roleName: string,
  transaction: Transaction,
): Promise<boolean> {
  const { count } = await transaction.userRole.createMany({
    data: [{ userId, roleName }],
    skipDuplicates: true,
  })
  return count === 1
}

/** Takes a role from a user. Returns false if the user does not have it. */
export async function removeUserRole(
  userId: string,
  roleName: string,
  database: Transaction,
): Promise<boolean> {
  const { count } = await database.userRole.deleteMany({ where: { userId, roleName } })
  return count === 1
}

function toRole({ scopes, ...role }: Omit<Role, 'scopes'> & { scopes: { scope: string }[] }): Role {
  return { ...role, scopes: scopes.map(({ scope }) => scope) }
}
