/** Collects all violations of a request, each with its path in the contract, so that callers can fix them in one go. */
import { type ErrorCode, type FieldViolation, TroupeError } from '../../domain/errors.ts';
import { isInRange, type Range } from '../../domain/setting-ranges.ts';

export class FieldChecks {
  readonly violations: FieldViolation[] = [];

  add(field: string, description: string): void {
    this.violations.push({ field, description });
  }

  pattern(field: string, value: string, pattern: RegExp): void {
    if (!pattern.test(value)) this.add(field, value === '' ? 'is required' : `must match ${pattern.source}`);
  }

  /** Accepts an absent value. */
  range(field: string, value: number | undefined, range: Range): void {
    if (value !== undefined && !isInRange(value, range)) this.add(field, `must be ${range.text}`);
  }

  /** Like `range`, but accepts 0, by which a request removes the setting. */
  limit(field: string, value: number | undefined, range: Range): void {
    if (value !== 0) this.range(field, value, range);
  }

  /** Counts UTF-16 code units, which is cheap. A unit takes at most three bytes in UTF-8. */
  length(field: string, value: string, max: number): void {
    if (value.length > max) this.add(field, `must have at most ${max} characters`);
  }

  /** Throws one error with all violations, if there are any. */
  ensureNone(code: ErrorCode = 'INVALID_ARGUMENT'): void {
    if (this.violations.length > 0) throw new TroupeError(code, { violations: this.violations });
  }
}
