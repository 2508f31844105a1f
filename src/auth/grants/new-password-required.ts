import { catalogue, type ErrorCode, ServiceError } from '../../errors.js'

/** Returns an error whose description says that the user must change the password first. @param hint what to do about it */
export function newPasswordRequired(code: ErrorCode, hint: string): ServiceError {
  return new ServiceError(code, {}, `${catalogue.password_change_required.detail}: ${hint}`)
}
