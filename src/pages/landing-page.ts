import { html } from 'hono/html'
import type { Static } from 'typebox'
import type { StaticFile } from '../http/static-file.js'
import { createPage } from './html/page.js'
import type { ServiceDescription } from './service-description.js'

/** Creates the landing page, with a card for each link. In development it names a user to try the service with. */
export function createLandingPage(
  { name, description, token_endpoint: url, links }: Static<typeof ServiceDescription>,
  production: boolean,
): StaticFile {
  const example = production
    ? {
        text: 'A username and a password get an access token:',
        login: '-d username=NAME -d password=PASSWORD',
      }
    : {
        text: 'In a trial, the user johndoe has the password secret:',
        login: '-d username=johndoe -d password=secret',
      }
  const main = html`<h1>${name} is running</h1>
      <p class="lead">${description}</p>
      <ul class="cards">
        ${links.map(
          (link) => html`<li><a class="card" href="${link.href}">
          <h2>${link.title}</h2>
          <p>${link.description}</p>
        </a></li>
        `,
        )}
      </ul>
      <section class="card">
        <h2>From a terminal</h2>
        <p>${example.text}</p>
        <pre tabindex="0"><code>curl ${url} ${example.login}</code></pre>
      </section>`
  return createPage({ title: name, main }, 'no-cache')
}
