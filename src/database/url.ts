/** The schema that holds our tables: the URL's parameter `schema`, as in Prisma's own URLs, or `public`. */
export function schemaOf(url: string): string {
  const [, parameters = ''] = url.replace(/#.*/s, '').split('?', 2)
  return new URLSearchParams(parameters).get('schema') || 'public'
}
