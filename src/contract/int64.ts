/** 64-bit numbers of the contract, as far as a double holds them exactly. */
import { ownValue } from '../domain/own-value.ts';
import type { Int64 } from './messages.ts';

export function numberOf(value: Int64): number {
  return typeof value === 'number' ? value : value.toNumber();
}

/** Of an optional field. An absent one is decoded as 0 all the same; only one that is there is an own property. */
export function presentNumber<Name extends string>(
  message: Readonly<Record<Name, Int64 | null>> | null,
  name: Name,
): number | undefined {
  const value = ownValue(message, name);
  return value === null || value === undefined ? undefined : numberOf(value);
}
