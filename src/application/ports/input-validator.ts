/** Checks inputs against the JSON Schema that a handler has published. */
import type { HandlerManifest } from '../../domain/handler-manifest.ts';

export interface SchemaViolation {
  /** JSON pointer into the input; empty for the input itself. */
  readonly pointer: string;
  readonly description: string;
}

export interface InputValidator {
  /** Empty when the input satisfies the schema, or when there is none that can be used. At most 50. */
  validate(manifest: HandlerManifest, input: unknown): readonly SchemaViolation[];
}
