const units = ['bytes', 'kB', 'MB', 'GB', 'TB']

/** Returns a size in words, with at most one decimal. PostgreSQL's units are powers of 1,024. */
export function formatBytes(bytes: number | null): string {
  if (bytes === null) return 'an unknown size'
  const power = Math.min(Math.floor(Math.log2(Math.max(bytes, 1)) / 10), units.length - 1)
  return `${Math.round((bytes / 1024 ** power) * 10) / 10} ${units[power]}`
}
