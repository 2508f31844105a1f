/**
 * Creates a record of the items whose creation was acknowledged.
 *
 * @typedef {ReturnType<typeof createLedger>} Ledger
 */
export function createLedger() {
  /** Owners by the titles of their items, each of which is unique. @type {Map<string, string>} */
  const owners = new Map()
  let next = 1

  return {
    /** Numbers of items that were stored by an attempt whose response did not acknowledge it. */
    storedUnseen: 0,

    /** Returns the title of a new item. */
    newTitle: () => `soak ${next++}`,

    /** Number of titles that were given out. */
    get attempted() {
      return next - 1
    },

    /**
     * @param {string} title
     * @param {string} username
     */
    acknowledge(title, username) {
      owners.set(title, username)
    },

    /**
     * Compares the record with the items in the database.
     *
     * @param {import('./database.js').SoakDatabase} database
     * @returns the titles of items that were acknowledged and are not there, are there more than once, or were not acknowledged
     */
    async compare(database) {
      const { rows } = await database.use((sql) =>
        sql.query(
          `SELECT title, username, count(*)::int AS times FROM items JOIN users ON users.id = owner_id
           WHERE title LIKE 'soak %' GROUP BY title, username`,
        ),
      )
      const stored = /** @type {{ title: string, username: string, times: number }[]} */ (rows)
      const isOwn = new Set(
        stored.filter(({ title, username }) => owners.get(title) === username).map(({ title }) => title),
      )
      return {
        acknowledged: owners.size,
        lost: [...owners.keys()].filter((title) => !isOwn.has(title)),
        repeated: stored.filter(({ times }) => times > 1).map(({ title }) => title),
        unknown: stored
          .filter(({ title, username }) => owners.get(title) !== username)
          .map(({ title }) => title),
      }
    },
  }
}
