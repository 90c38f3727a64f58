/**
 * The messages of the contract as the codec decodes them. Made by scripts/contract-types.ts from proto/; do not edit.
 * An absent message is null; of a oneof only the member that is set is an own property.
 */
export type * from './jobs-messages.ts';
export type * from './cluster-messages.ts';
export type * from './queue-messages.ts';
export type * from './access-messages.ts';
export type * from './tenant-messages.ts';
export type * from './audit-messages.ts';
export type * from './event-messages.ts';
export type * from './shared-messages.ts';
