import type { FastifySchemaCompiler } from 'fastify'
import type { FastifySchemaValidationError } from 'fastify/types/schema.js'
import { buildValidator } from '../http/compilers.js'
import { ajvOptions } from '../http/validators.js'
import type { Form } from './form.js'
import { TokenForm } from './token-schema.js'

const compile = buildValidator({}, { customOptions: ajvOptions })
const validate = compile({ schema: TokenForm, method: 'POST', url: '/token' })

/** Returns whether a form is a login: the password grant, which is the default. */
function isLogin({ grant_type = 'password' }: Form): boolean {
  return grant_type === 'password'
}

/** Compiles the validator of `POST /token`. It validates logins only: the parameters of other grants differ from the schema. */
export const compileLoginValidator: FastifySchemaCompiler<unknown> = () =>
  function validateLogin(form: Form) {
    if (!isLogin(form) || validate(form) === true) return true
    return { error: validate.errors as FastifySchemaValidationError[] }
  }
