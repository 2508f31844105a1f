/** Returns a LIKE pattern that matches exactly this text, with `%` and `_` escaped. */
export function escapeLike(text: string): string {
  return text.replace(/[\\%_]/g, '\\$&')
}
