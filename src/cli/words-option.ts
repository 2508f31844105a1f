import { InvalidArgumentError, Option } from 'commander'

/**
 * Returns an option that may be repeated, and whose value may hold several words. Each use of `--name <word>` takes one
 * argument. Each use of `--name <word...>` takes all arguments up to the next option, so the arguments of the command must
 * come before it.
 *
 * @param choices the words that are allowed, or undefined for any
 */
export function wordsOption(flags: string, description: string, choices?: readonly string[]): Option {
  const allowed = choices ? ` (${choices.join(', ')})` : ''
  return new Option(flags, `${description}; repeatable${allowed}`).argParser<string[]>(
    (text, former = []) => {
      const words = text.split(' ').filter((word) => word !== '')
      const unknown = words.find((word) => choices && !choices.includes(word))
      if (unknown !== undefined) throw new InvalidArgumentError(`Allowed choices are ${choices?.join(', ')}.`)
      return [...new Set([...former, ...words])]
    },
  )
}

/** Returns the words of such an option, or null if it is not given. */
export function readWords(words: unknown): string[] | null {
  return Array.isArray(words) ? words.map(String) : null
}
