/**
 * The values of the header `authorization` as one text. Node drops all of them but the first, and grpc-js one with a tab or
 * a byte above 0x7e, which would make a caller with a credential one without. A proxy before the gateway may have looked at
 * another one, so the call must be refused as ambiguous, and for that the values must be seen.
 */

/** What grpc-js takes as the value of a header. It would drop another one and print it, with the credential. */
const takenPattern = /^[\x20-\x7e]*$/;
/** No credential, so that the call is refused. */
const notTaken = 'unreadable';

/** Names and values in turn, as they came. Undefined if there is none. */
export function credentialsIn(rawHeaders: readonly string[]): string | undefined {
  let all: string | undefined;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (rawHeaders[index]?.toLowerCase() !== 'authorization') continue;
    const value = rawHeaders[index + 1] ?? '';
    all = all === undefined ? value : `${all}, ${value}`;
  }
  if (all === undefined) return undefined;
  return takenPattern.test(all) ? all : notTaken;
}
