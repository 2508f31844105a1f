import type { SettingName } from './settings/index.js'

/** Names of variables by which other programs are configured. */
interface ForeignNames {
  names: readonly string[]
  /** Setting of Latchkey with the same purpose. If it is set, the names are ignored. */
  setting: SettingName
  /** Advice on what to set instead. */
  advice: string
}

/** Names that the FastAPI tutorial, its project templates, uvicorn and PostgreSQL's tools use for what is a setting here. */
const foreignNames: readonly ForeignNames[] = [
  {
    names: ['SECRET_KEY', 'JWT_SECRET_KEY'],
    setting: 'JWT_SECRET',
    advice: 'JWT_SECRET is the shared secret that signs tokens',
  },
  {
    names: ['ALGORITHM', 'JWT_ALGORITHM'],
    setting: 'JWT_SECRET',
    advice: 'JWT_SECRET signs with HS256, and without it SIGNING_ALGORITHM is used',
  },
  { names: ['JWT_ISSUER'], setting: 'ISSUER', advice: 'ISSUER has this purpose' },
  { names: ['JWT_AUDIENCE'], setting: 'AUDIENCE', advice: 'AUDIENCE has this purpose' },
  {
    names: [
      'SQLALCHEMY_DATABASE_URL',
      'SQLALCHEMY_DATABASE_URI',
      'DB_URL',
      'DB_HOST',
      'POSTGRES_URL',
      'POSTGRES_HOST',
      'POSTGRES_SERVER',
      'PGHOST',
    ],
    setting: 'DATABASE_URL',
    advice: 'DATABASE_URL holds host, port, user, password and database',
  },
  {
    names: [
      'EMAIL_HOST',
      'MAIL_HOST',
      'MAIL_PASSWORD',
      'MAIL_PORT',
      'MAIL_SERVER',
      'MAIL_USERNAME',
      'SMTP_HOST',
      'SMTP_PASSWORD',
      'SMTP_PORT',
      'SMTP_SERVER',
      'SMTP_SSL',
      'SMTP_TLS',
      'SMTP_USER',
      'SMTP_USERNAME',
    ],
    setting: 'SMTP_URL',
    advice: 'SMTP_URL holds host, port, user and password of the mail server',
  },
  {
    names: ['EMAILS_FROM_EMAIL', 'EMAIL_FROM', 'SMTP_FROM'],
    setting: 'MAIL_FROM',
    advice: 'MAIL_FROM has this purpose',
  },
  {
    names: ['ALLOWED_ORIGINS', 'BACKEND_CORS_ORIGINS', 'CORS_ALLOWED_ORIGINS'],
    setting: 'CORS_ORIGINS',
    advice: 'CORS_ORIGINS has this purpose',
  },
  {
    names: ['DOCS_URL', 'OPENAPI_URL', 'REDOC_URL'],
    setting: 'DOCUMENTATION',
    advice: 'DOCUMENTATION=false turns the documentation pages off',
  },
  { names: ['FORWARDED_ALLOW_IPS'], setting: 'TRUST_PROXY', advice: 'TRUST_PROXY has this purpose' },
  {
    names: ['ENVIRONMENT'],
    setting: 'NODE_ENV',
    advice: 'NODE_ENV is production or development',
  },
]

/** Returns the entry of another program's variable, or undefined. */
export function findForeign(name: string): ForeignNames | undefined {
  return foreignNames.find(({ names }) => names.includes(name))
}
