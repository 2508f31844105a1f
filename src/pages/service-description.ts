import { type Static, Type } from 'typebox'
import { summary } from '../docs/document.js'

const Link = Type.Object({
  href: Type.String({ description: 'Path, with a fragment if there is one.' }),
  title: Type.String({ description: 'Name of the page or document.' }),
  description: Type.String({ description: 'Purpose of the page or document.' }),
})

const links: Static<typeof Link>[] = [
  {
    href: '/docs',
    title: 'Documentation',
    description: 'Every operation, with a form to try it in the browser.',
  },
  {
    href: '/docs#/auth/login_for_access_token_token_post',
    title: 'Sign in',
    description: 'Exchange a username and a password for an access token.',
  },
  {
    href: '/account/forgot-password',
    title: 'Forgotten password',
    description: 'Request a link that sets a new password.',
  },
  { href: '/redoc', title: 'Reference', description: 'All operations on one page, to read.' },
  { href: '/openapi.json', title: 'OpenAPI document', description: 'For client generators and API tools.' },
  {
    href: '/.well-known/oauth-authorization-server',
    title: 'OAuth 2.0 metadata',
    description: 'Endpoints, grants and scopes, for OAuth clients.',
  },
  { href: '/readyz', title: 'Health', description: 'Whether the service can serve requests now.' },
]

/** The content of the landing page (`GET /`). */
export const ServiceDescription = Type.Object(
  {
    name: Type.String({ description: 'Name of the service.' }),
    description: Type.String({ description: 'Purpose of the service.' }),
    token_endpoint: Type.String({ description: 'URL of `POST /token`, where users sign in.' }),
    links: Type.Array(Link, { description: 'Pages and documents of the service.' }),
  },
  {
    $id: 'ServiceDescription',
    examples: [
      {
        name: 'Latchkey',
        description: summary,
        token_endpoint: 'https://latchkey.example.com/token',
        links: links.slice(0, 1),
      },
    ],
  },
)

/** Describes the service. It links only to what is served. @param isServed whether there is a page at a path */
export function describeService(
  issuer: string,
  isServed: (path: string) => boolean,
): Static<typeof ServiceDescription> {
  return {
    name: 'Latchkey',
    description: summary,
    token_endpoint: `${issuer}/token`,
    links: links.filter(({ href }) => isServed(href.replace(/#.*/, ''))),
  }
}
