/** Swagger UI for the OpenAPI document of the service. */
export const swaggerUiPage = `<!DOCTYPE html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Latchkey - Swagger UI</title>
    <link rel="icon" type="image/png" href="/docs/assets/favicon-32x32.png">
    <link rel="stylesheet" href="/docs/assets/swagger-ui.css">
  </head>
  <body>
    <div id="swagger-ui"></div>
    <script src="/docs/assets/swagger-ui-bundle.js"></script>
    <script>
      SwaggerUIBundle({
        url: '/openapi.json',
        dom_id: '#swagger-ui',
        deepLinking: true,
        layout: 'BaseLayout',
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
    <link rel="icon" type="image/png" href="/docs/assets/favicon-32x32.png">
    <style>body { margin: 0 }</style>
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
