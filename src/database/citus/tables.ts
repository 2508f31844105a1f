/** How `latchkey scale` distributes a table over the workers. */
export interface DistributedTable {
  name: string
  /** Column by whose hash a row is placed. */
  column: string
  /**
   * Definitions of its triggers, by their names. They are dropped first, as Citus accepts none on distributed tables. This version of
   * Latchkey does not need them: they are for earlier versions, and for SQL of an operator.
   */
  triggers: Record<string, string>
}

/** The tables that are distributed. All others stay on the coordinator, where their triggers notify the processes. */
export const distributedTables: readonly DistributedTable[] = [
  {
    name: 'items',
    column: 'owner_id',
    triggers: {
      items_require_owner:
        'BEFORE INSERT OR UPDATE ON items FOR EACH ROW EXECUTE FUNCTION require_item_owner()',
      items_touch: 'BEFORE UPDATE ON items FOR EACH ROW EXECUTE FUNCTION touch_row()',
    },
  },
]

/** Returns how some tables are distributed. */
export function findDefinitions(tables: { name: string }[]): DistributedTable[] {
  const names = tables.map(({ name }) => name)
  return distributedTables.filter(({ name }) => names.includes(name))
}
