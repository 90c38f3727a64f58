/** Which children go down together, and whether their order matters. These are the strategies of OTP. Pure. */
import { assertNever } from '../domain/errors.ts';

/** Which children restart when one fails. */
export type Strategy =
  /** Only the child that failed. */
  | 'one-for-one'
  /** All children, because none is useful without the others. */
  | 'one-for-all'
  /** The child that failed and those that started after it, because later children depend on earlier ones. */
  | 'rest-for-one';

/**
 * The children that go down when `failed` fails, itself included. `inOrder` is the order of starting, which the result
 * keeps.
 */
export function affectedBy<C>(strategy: Strategy, inOrder: readonly C[], failed: C): readonly C[] {
  switch (strategy) {
    case 'one-for-one':
      return [failed];
    case 'one-for-all':
      return inOrder;
    case 'rest-for-one':
      return inOrder.slice(inOrder.indexOf(failed));
    default:
      return assertNever(strategy);
  }
}
