/** How a payload is shown: JSON as a tree if it is small, else its first part as text; bytes as hexadecimal digits. */
import type { Payload } from '../wire/shapes.ts';

/** A tree of more would stop the page. */
const shownMax = 262_144;
const dumpMax = 4_096;

export interface PayloadView {
  readonly kind: 'none' | 'tree' | 'text' | 'gone' | 'withheld' | 'large';
  readonly value: unknown;
  readonly text: string;
  readonly sizeBytes: number;
  readonly isCut: boolean;
  readonly isJson: boolean;
  /** All of it, if it is here. */
  readonly bytes: (() => string | Uint8Array<ArrayBuffer>) | undefined;
}

const empty: PayloadView = {
  kind: 'none',
  value: undefined,
  text: '',
  sizeBytes: 0,
  isCut: false,
  isJson: false,
  bytes: undefined,
};

export function payloadView(payload: Payload | undefined): PayloadView {
  if (payload?.json !== undefined) return jsonView(payload.json);
  if (payload?.data !== undefined) return bytesView(payload.data);
  if (payload?.gone !== undefined) return { ...empty, kind: 'gone' };
  if (payload?.withheldBytes !== undefined) return { ...empty, kind: 'withheld' };
  if (payload?.largeBytes !== undefined) return { ...empty, kind: 'large', sizeBytes: Number(payload.largeBytes) };
  return empty;
}

function jsonView(json: string): PayloadView {
  const sizeBytes = new TextEncoder().encode(json).length;
  const shared = { ...empty, sizeBytes, isJson: true, bytes: () => json };
  if (json.length > shownMax) return { ...shared, kind: 'text', text: json.slice(0, shownMax), isCut: true };
  try {
    return { ...shared, kind: 'tree', value: JSON.parse(json) };
  } catch {
    return { ...shared, kind: 'text', text: json };
  }
}

function bytesView(base64: string): PayloadView {
  const read = (): Uint8Array<ArrayBuffer> => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const bytes = read();
  const shown = bytes.subarray(0, dumpMax);
  const lines: string[] = [];
  for (let at = 0; at < shown.length; at += 16) lines.push(dumpLine(shown.subarray(at, at + 16), at));
  const isCut = bytes.length > shown.length;
  return { ...empty, kind: 'text', text: lines.join('\n'), sizeBytes: bytes.length, isCut, bytes: read };
}

function dumpLine(bytes: Uint8Array, at: number): string {
  const digits = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  const letters = [...bytes].map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
  return `${at.toString(16).padStart(6, '0')}  ${digits.padEnd(47)}  ${letters}`;
}
