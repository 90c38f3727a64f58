/** What every store expects of its callers, who have refused by now what a user must not send. */
import { invariant } from '../../domain/errors.ts';
import { bodyMaxBytes, type DocumentPlace, documentsListMax, placeMaxBytes } from '../ports/document-store.ts';

/** Before a document is written. A text that is not well-formed would come back as another one. */
export function expectKeepable({ scope, name }: DocumentPlace, body: string): void {
  invariant(name !== '', 'a document has a name, since listings begin after the empty one');
  for (const text of [scope, name]) {
    invariant(Buffer.byteLength(text) <= placeMaxBytes, 'a scope or name has at most placeMaxBytes');
    invariant(text.isWellFormed(), 'a scope or name is well-formed Unicode');
  }
  expectBody(body);
}

export function expectBody(body: string): void {
  invariant(Buffer.byteLength(body) <= bodyMaxBytes, 'the body of a document has at most bodyMaxBytes');
  invariant(body.isWellFormed(), 'the body of a document is well-formed Unicode');
}

export function expectListable(most: number): void {
  invariant(
    Number.isInteger(most) && most >= 1 && most <= documentsListMax,
    'a list has 1 to documentsListMax documents',
  );
}
