/** The lowest UUID, at which searches in the order of ids begin. No generated id is as low, but rows of SQL can have it. */
export const lowestId = '00000000-0000-0000-0000-000000000000'
