/** A table that `latchkey scale` distributes over the workers. */
export interface DistributedTable {
  name: string
  /** Column by whose hash a row is placed. */
  column: string
  /**
   * Triggers by name. They must be dropped first, as Citus accepts none on distributed tables. This version does not need them: they
   * are for earlier versions and for SQL of an operator.
   */
  triggers: Record<string, string>
}

/** Everything else stays on the coordinator, where its triggers notify the processes. */
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
