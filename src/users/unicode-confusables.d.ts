declare module 'unicode-confusables' {
  /** The text with each character that looks like another replaced by that one. */
  export function rectifyConfusion(text: string): string
}
