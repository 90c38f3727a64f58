/** Checks inputs against the JSON Schema that a handler publishes. */
import type { HandlerManifest } from '../../domain/handler-manifest.ts';

export interface SchemaViolation {
  /** JSON pointer into the input. Empty for the input as a whole. */
  readonly pointer: string;
  readonly description: string;
}

export interface InputValidator {
  /** Returns at most 50 violations. Empty if the input satisfies the schema, or if there is no usable schema. */
  validate(manifest: HandlerManifest, input: unknown): readonly SchemaViolation[];
}
