/** A text as a pattern of LIKE that matches just this text: `%` and `_` are letters like others. */
export function escapeLike(text: string): string {
  return text.replace(/[\\%_]/g, '\\$&')
}
