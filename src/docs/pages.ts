/** Swagger UI for the OpenAPI document of the service. */
export const swaggerUiPage = `<!DOCTYPE html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Latchkey - Swagger UI</title>
    <link rel="icon" type="image/svg+xml" href="/favicon.svg">
    <link rel="stylesheet" href="/docs/assets/swagger-ui.css">
  </head>
  <body>
    <div id="swagger-ui"></div>
    <script src="/docs/assets/swagger-ui-bundle.js"></script>
    <script>
      const darkMode = matchMedia('(prefers-color-scheme: dark)')
      const followColorScheme = () => document.documentElement.classList.toggle('dark-mode', darkMode.matches)
      darkMode.addEventListener('change', followColorScheme)
      followColorScheme()
      // Of a login, the browser keeps the access token and no secret that outlives it.
      const withoutSecrets = ({ auth, token }) => ({
        auth: { ...auth, password: '', clientSecret: '' },
        token: { access_token: token.access_token, token_type: token.token_type },
      })
      const keepNoSecrets = { authorizeOauth2: (original) => (login) => original(withoutSecrets(login)) }
      // Of the forms in the Authorize window, the one for users comes first. The others must not take the focus from it.
      const keepFocus = (Input, { React }) => (props) => React.createElement(Input, { ...props, autoFocus: false })
      SwaggerUIBundle({
        url: '/openapi.json',
        dom_id: '#swagger-ui',
        deepLinking: true,
        layout: 'BaseLayout',
        persistAuthorization: true,
        plugins: [{ statePlugins: { auth: { wrapActions: keepNoSecrets } }, wrapComponents: { Input: keepFocus } }],
        oauth2RedirectUrl: location.origin + '/docs/oauth2-redirect',
      })
    </script>
  </body>
</html>
`

/** ReDoc for the same document. */
export const redocPage = `<!DOCTYPE html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Latchkey - ReDoc</title>
    <link rel="icon" type="image/svg+xml" href="/favicon.svg">
    <style>
      /* ReDoc has no dark colors. */
      :root { color-scheme: only light }
      body { margin: 0; background: #fff }
    </style>
  </head>
  <body>
    <redoc spec-url="/openapi.json"></redoc>
    <script src="/docs/assets/redoc.standalone.js"></script>
  </body>
</html>
`

/** Returns the page to which the Authorize window of Swagger UI redirects. @param script of Swagger UI */
export function oauth2RedirectPage(script: string): string {
  return `<!DOCTYPE html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>Latchkey - Swagger UI: OAuth2 redirect</title>
  </head>
  <body>
    <script>${script}</script>
  </body>
</html>
`
}
