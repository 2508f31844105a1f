/** Returns the schema that holds our tables: the parameter `schema` of the URL, as in Prisma's URLs, or `public`. */
export function schemaOf(url: string): string {
  const [, parameters = ''] = url.replace(/#.*/s, '').split('?', 2)
  return new URLSearchParams(parameters).get('schema') || 'public'
}
