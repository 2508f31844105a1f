import { createHash } from 'node:crypto'
import { html, raw } from 'hono/html'
import { createFile, type StaticFile } from '../../http/static-file.js'
import { icon } from './icon.js'
import { style } from './style.js'

/** HTML from the tag `html`, which escapes everything that is inserted. */
export type Html = ReturnType<typeof html>

/** Content of one page. */
interface PageContent {
  title: string
  main: Html
  /** Script that the policy allows to run, and to send requests to this origin. Without it, no script runs. */
  script?: string
}

/** Creates a page. Its policy allows the styles and the script of the page, our icon, and nothing else. */
export function createPage({ title, main, script }: PageContent, cacheControl: string): StaticFile {
  const page = html`<!DOCTYPE html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>${title}</title>
    <link rel="icon" type="image/svg+xml" href="/favicon.svg">
    <style>${raw(style)}</style>
  </head>
  <body>
    <header><a class="brand" href="/">${raw(icon)} Latchkey</a></header>
    <main>
      ${main}
    </main>
    ${script === undefined ? '' : html`<script>${raw(script)}</script>`}
  </body>
</html>
`
  return createFile(String(page), 'text/html; charset=utf-8', {
    'content-security-policy': policyFor(script),
    'cache-control': cacheControl,
  })
}

function policyFor(script: string | undefined): string {
  const forScript = script === undefined ? '' : ` script-src '${hashOf(script)}'; connect-src 'self';`
  return `default-src 'none';${forScript} style-src '${hashOf(style)}'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`
}

function hashOf(source: string): string {
  return `sha256-${createHash('sha256').update(source).digest('base64')}`
}
