/** Who goes down together, and whether order binds. The strategies of OTP. Pure. */
import { assertNever } from '../domain/errors.ts';

export type Strategy =
  /** Only the child that failed. */
  | 'one-for-one'
  /** All: none is of use without the others. */
  | 'one-for-all'
  /** The child that failed and those started after it: later ones rest on earlier ones. */
  | 'rest-for-one';

/** The members of `inOrder` (order of starting) that the failure of `failed` takes down, itself included, in that order. */
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
