/** 64-bit integers of the contract, which are exact up to 2^53. */
import { ownValue } from '../domain/own-value.ts';
import type { Int64 } from './messages.ts';

export function numberOf(value: Int64): number {
  return typeof value === 'number' ? value : value.toNumber();
}

/**
 * Reads an optional field. protobufjs decodes an absent one as 0 too, but only a field that was sent is an own
 * property.
 */
export function presentNumber<Name extends string>(
  message: Readonly<Record<Name, Int64 | null>> | null,
  name: Name,
): number | undefined {
  const value = ownValue(message, name);
  return value === null || value === undefined ? undefined : numberOf(value);
}
