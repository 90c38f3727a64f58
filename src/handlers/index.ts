/** The SDK for handler authors: `import { defineHandler } from 'troupe/handlers'`. */
export type { HandlerContext, HandlerInput, HandlerLog, HandlerOutput } from './context.ts';
export { defineHandler, HandlerDefinitionError } from './definition.ts';
export type { Handler, HandlerOptions } from './definition.ts';
export { fail, HandlerError, reject, Snooze, snooze } from './handler-error.ts';
export type { HandlerErrorOptions } from './handler-error.ts';
export type { CodecContext, CodecField, PayloadCodec } from '../domain/payload-codec.ts';
export type { Duration, Size } from './quantity.ts';
export { bytes, bytesOr, streamed } from './schema.ts';
