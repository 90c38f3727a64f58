/**
 * The id of an upload holds all that was said when it was begun, so no process keeps anything for it. The name of the object
 * is a hash of the id. So an id that was changed, or made up, names an object that nobody can have written, and whoever
 * presents it learns no more than that nothing lies there.
 *
 * An upload belongs to the tenant and the keys of one request. These decide which shard answers, and that shard accepts one
 * job for them. So no two jobs have the same upload as their input.
 */
import { hash } from 'node:crypto';
import type { UploadedObject } from '../ports/payload-links.ts';
import type { JobRequest } from './job-request.ts';

export interface Upload extends UploadedObject {
  readonly id: string;
  /** Of whom it is; see `ownerOf`. */
  readonly owner: string;
}

export type UploadFacts = Omit<Upload, 'id' | 'name'> & { readonly uuid: string };

const digestText = '[A-Za-z0-9_-]{43}';
const idText = new RegExp(
  `^u1\\.([0-9a-f-]{36})\\.([0-9]{1,15})\\.(${digestText})\\.([0-9]{1,15})\\.([0-9]{1,15})\\.(${digestText})$`,
);

/** Of a tenant, and of the keys by which its request is known. */
export function ownerOf(tenant: string, { idempotencyKey, unique }: JobRequest): string {
  return hash('sha256', JSON.stringify([tenant, idempotencyKey, unique?.key ?? null]), 'base64url');
}

export function uploadOf({ uuid, bytes, sha256, keepByMs, expiresAtMs, owner }: UploadFacts): Upload {
  const sum = Buffer.from(sha256).toString('base64url');
  const text = ['u1', uuid, bytes, sum, keepByMs, expiresAtMs, owner].join('.');
  const name = `up-${uuid}-${hash('sha256', text, 'base64url').slice(0, 22)}`;
  return { id: Buffer.from(text).toString('base64url'), name, bytes, sha256, keepByMs, expiresAtMs, owner };
}

/** Undefined if it is no id of an upload. */
export function parseUploadId(id: string): Upload | undefined {
  const [, uuid, bytes, sum, keepBy, expires, owner] = idText.exec(Buffer.from(id, 'base64url').toString()) ?? [];
  if (uuid === undefined || sum === undefined || owner === undefined) return undefined;
  const times = { keepByMs: Number(keepBy), expiresAtMs: Number(expires) };
  const upload = uploadOf({ uuid, bytes: Number(bytes), sha256: Buffer.from(sum, 'base64url'), ...times, owner });
  // An id has one spelling.
  return upload.id === id ? upload : undefined;
}
