/** Collects everything that is wrong with a request, each by its path in the contract, so that callers fix it in one go. */
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

  /** Absent is fine. */
  range(field: string, value: number | undefined, range: Range): void {
    if (value !== undefined && !isInRange(value, range)) this.add(field, `must be ${range.text}`);
  }

  /** Counts UTF-16 units: cheap, and never more than a few bytes each. */
  length(field: string, value: string, max: number): void {
    if (value.length > max) this.add(field, `must have at most ${max} characters`);
  }

  /** Throws one error with all violations, if there are any. */
  ensureNone(code: ErrorCode = 'INVALID_ARGUMENT'): void {
    if (this.violations.length > 0) throw new TroupeError(code, { violations: this.violations });
  }
}
