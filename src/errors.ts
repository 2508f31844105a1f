/** An error response as the catalogue defines it. */
export interface ErrorDefinition {
  status: number
  detail: string
  headers?: Record<string, string>
  /** Error code of RFC 6749 §5.2, for requests to OAuth endpoints. */
  oauth?: string
}

const bearer = { 'www-authenticate': 'Bearer' }
const retryAfter = { 'retry-after': '5' }

/** Every error response of the service, by its stable code. */
export const catalogue = {
  incorrect_credentials: {
    status: 401,
    detail: 'Incorrect username or password',
    headers: bearer,
    oauth: 'invalid_grant',
  },
  invalid_client: {
    status: 401,
    detail: 'Client authentication failed',
    headers: { 'www-authenticate': 'Basic realm="Latchkey", charset="UTF-8"' },
    oauth: 'invalid_client',
  },
  ambiguous_client: {
    status: 400,
    detail: 'The client authenticates in more than one way',
    oauth: 'invalid_request',
  },
  unauthorized_client: {
    status: 400,
    detail: 'The client may not use this grant type',
    oauth: 'unauthorized_client',
  },
  invalid_refresh_token: {
    status: 400,
    detail: 'The refresh token is unknown, expired or revoked',
    oauth: 'invalid_grant',
  },
  foreign_token: {
    status: 400,
    detail: 'The token was issued to another client',
    oauth: 'invalid_grant',
  },
  invalid_scope: {
    status: 400,
    detail: 'The scope is malformed, unknown or exceeds what is allowed',
    oauth: 'invalid_scope',
  },
  invalid_target: {
    status: 400,
    detail: 'The resource is malformed, repeated, unknown, disabled or not granted',
    oauth: 'invalid_target',
  },
  invalid_parameter: {
    status: 400,
    detail: 'A required parameter is missing or malformed',
    oauth: 'invalid_request',
  },
  unsupported_grant_type: { status: 400, detail: 'Unsupported grant type', oauth: 'unsupported_grant_type' },
  unsupported_response_type: {
    status: 400,
    detail: 'Unsupported response type',
    oauth: 'unsupported_response_type',
  },
  repeated_parameter: { status: 400, detail: 'A parameter is repeated', oauth: 'invalid_request' },
  not_authenticated: { status: 401, detail: 'Not authenticated', headers: bearer },
  invalid_token: { status: 401, detail: 'Could not validate credentials', headers: bearer },
  invalid_verification: {
    status: 403,
    detail: 'The query has an unknown or repeated parameter, or a malformed resource or scope',
  },
  insufficient_scope: { status: 403, detail: 'Insufficient scope' },
  inactive_user: { status: 400, detail: 'Inactive user' },
  password_change_required: { status: 403, detail: 'A new password is required' },
  incorrect_password: { status: 400, detail: 'Incorrect password' },
  invalid_link: { status: 400, detail: 'The link is unknown, used or expired' },
  registration_closed: { status: 403, detail: 'Registration is closed' },
  invalid_invitation: { status: 403, detail: 'A valid invitation is required' },
  mail_disabled: { status: 403, detail: 'This deployment sends no mail' },
  email_taken: { status: 409, detail: 'The address belongs to another account' },
  last_administrator: { status: 409, detail: 'The last administrator cannot be removed' },
  own_password: { status: 403, detail: 'Change your own password with PUT /users/me/password' },
  user_exists: {
    status: 409,
    detail: 'The username, one that looks like it, or the e-mail address is taken',
  },
  resource_exists: { status: 409, detail: 'A resource with this name already exists' },
  audience_taken: { status: 409, detail: 'The audience belongs to another resource, or to this service' },
  scope_taken: {
    status: 409,
    detail: 'A scope belongs to another resource or to this service, or was just deleted',
  },
  scope_in_use: {
    status: 409,
    detail:
      'Clients already have a scope, and their tokens would get another audience: latchkey resources adopt moves it',
  },
  keys_not_published: {
    status: 403,
    detail: 'This deployment signs with a shared secret, and resources need published keys',
  },
  role_exists: { status: 409, detail: 'A role with this name already exists' },
  item_exists: { status: 409, detail: 'An item with this id already exists' },
  conflict: { status: 409, detail: 'The resource was modified concurrently' },
  precondition_failed: { status: 412, detail: 'The resource does not match the precondition' },
  precondition_required: { status: 428, detail: 'If-Match or If-None-Match is required' },
  too_many_attempts: { status: 429, detail: 'Too Many Requests', oauth: 'temporarily_unavailable' },
  too_many_imports: { status: 429, detail: 'Too many imports are running', headers: retryAfter },
  too_many_exports: { status: 429, detail: 'Too many exports are running', headers: retryAfter },
  malformed_request: { status: 400, detail: 'Bad Request' },
  request_timeout: { status: 408, detail: 'Request Timeout' },
  body_too_large: { status: 413, detail: 'Payload Too Large' },
  uri_too_long: { status: 414, detail: 'URI Too Long' },
  unsupported_media_type: { status: 415, detail: 'Unsupported Media Type' },
  not_found: { status: 404, detail: 'Not Found' },
  not_acceptable: { status: 406, detail: 'Not Acceptable' },
  method_not_allowed: { status: 405, detail: 'Method Not Allowed' },
  unsupported_coding: {
    status: 415,
    detail: 'Unsupported Media Type',
    headers: { 'accept-encoding': 'identity' },
    oauth: 'invalid_request',
  },
  unsupported_expectation: { status: 417, detail: 'Expectation Failed' },
  invalid_input: { status: 422, detail: 'The input is invalid', oauth: 'invalid_request' },
  header_too_large: { status: 431, detail: 'Request Header Fields Too Large' },
  internal_error: { status: 500, detail: 'Internal Server Error', oauth: 'server_error' },
  unsupported_historical_status: { status: 501, detail: 'Only the current status list is available' },
  unsupported_transfer_coding: { status: 501, detail: 'Not Implemented' },
  service_unavailable: {
    status: 503,
    detail: 'Service Unavailable',
    headers: retryAfter,
    oauth: 'temporarily_unavailable',
  },
  outcome_unknown: {
    status: 503,
    detail: 'Service Unavailable: the change may or may not have been made',
    headers: retryAfter,
    oauth: 'temporarily_unavailable',
  },
  unsupported_http_version: { status: 505, detail: 'HTTP Version Not Supported' },
} satisfies Record<string, ErrorDefinition>

export type ErrorCode = keyof typeof catalogue

/** All codes, in alphabetical order. */
export const errorCodes = (Object.keys(catalogue) as ErrorCode[]).sort()

/** All error codes of RFC 6749 §5.2 that the catalogue uses. */
export const oauthErrors = [
  ...new Set(Object.values(catalogue).flatMap((error: ErrorDefinition) => error.oauth ?? [])),
].sort()

/** Thrown to end a request with an error of the catalogue. */
export class ServiceError extends Error {
  readonly code: ErrorCode
  /** Headers in addition to those of the catalogue. */
  readonly headers: Record<string, string>
  /** Description for OAuth clients, if it says more than the catalogue (`error_description`, RFC 6749 §5.2). */
  readonly description: string | undefined

  constructor(code: ErrorCode, headers: Record<string, string> = {}, description?: string) {
    super(catalogue[code].detail)
    this.code = code
    this.headers = headers
    this.description = description
  }
}

/** Reasons why a request cannot be served at the moment. */
export const unavailableReasons = [
  'database_outage',
  'database_node',
  'database_busy',
  'outcome_unknown',
  'hashing_queue_full',
  'hashing_wait',
  'keys',
  'status_list',
  'token_status',
  'import_stopped',
  'not_ready',
] as const

export type UnavailableReason = (typeof unavailableReasons)[number]

/** Thrown for a request that cannot be served at the moment. Only the metrics show the reason. */
export class Unavailable extends ServiceError {
  readonly reason: UnavailableReason

  constructor(reason: UnavailableReason) {
    super('service_unavailable')
    this.reason = reason
  }
}

/** Thrown for a path that the service does not have. The response is the tutorial's, which has no code. */
export class UnknownPath extends ServiceError {
  constructor() {
    super('not_found')
  }
}

/** Thrown for input that is invalid for a reason its schema cannot express. */
export class InvalidInput extends Error {
  /** Part of the request, in FastAPI's words: `body`, `query`, `path` or `header`. */
  readonly part: string
  /** Path of the invalid value within the part. */
  readonly path: string[]
  /** Machine-readable kind of the issue. */
  readonly type: string

  constructor(part: string, path: string[], type: string, message: string) {
    super(message)
    this.part = part
    this.path = path
    this.type = type
  }
}
