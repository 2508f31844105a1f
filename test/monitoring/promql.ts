/** A metric in an expression, with the matchers of its labels. */
interface Selector {
  metric: string
  matchers: Matcher[]
}

interface Matcher {
  label: string
  /** Values that the matcher names: one, or the alternatives of a regular expression. */
  values: string[]
}

/** What an expression of PromQL refers to. */
export interface References {
  selectors: Selector[]
  /** Labels by which it groups. */
  groupedBy: string[]
}

/** Words that are not metrics. */
const keywords = new Set(['and', 'or', 'unless', 'bool', 'offset'])

/** Returns the metrics and labels of an expression, as far as the rules and the dashboard use the language. */
export function findReferences(expression: string): References {
  const groupedBy: string[] = []
  const selectors: Selector[] = []
  const rest = expression
    .replaceAll(/\[[^\]]*\]/g, '')
    .replaceAll(/\b(?:by|on) \(([^)]*)\)/g, (_, labels: string) => {
      groupedBy.push(...labels.split(', '))
      return ''
    })
    .replaceAll(/([\w:]+)\{((?:"[^"]*"|[^}])*)\}/g, (_, metric: string, matchers: string) => {
      selectors.push({ metric, matchers: parseMatchers(matchers) })
      return ''
    })
  for (const [word] of rest.matchAll(/\b[a-zA-Z_][\w:]*\b(?!\s*\()/g))
    if (!keywords.has(word)) selectors.push({ metric: word, matchers: [] })
  return { selectors, groupedBy }
}

function parseMatchers(text: string): Matcher[] {
  return [...text.matchAll(/(\w+)(=~|!~|!=|=)"([^"]*)"/g)].map(([, label = '', , value = '']) => ({
    label,
    values: value.split('|'),
  }))
}
