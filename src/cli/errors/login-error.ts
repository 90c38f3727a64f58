/** Why a login, or the token that it gave, is of no use. `unreachable`: the issuer did not answer, so try again. */
export class LoginError extends Error {
  override readonly name = 'LoginError';
  readonly exit: 'refused' | 'unreachable';

  constructor(message: string, exit: 'refused' | 'unreachable') {
    super(message);
    this.exit = exit;
  }
}
