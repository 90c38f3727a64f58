/**
 * Long bytes in messages that become JSON. The library writes base64 a sign at a time, which takes 150 ms for each MiB. So they
 * are taken out before, with a mark of chance in their place, and the text gets the base64 of Node for each mark.
 */
import { randomBytes } from 'node:crypto';
import { type DescMessage, type Message, ScalarType } from '@bufbuild/protobuf';
import { reflect, type ReflectMessage } from '@bufbuild/protobuf/reflect';

/** Shorter ones are left to the library. */
const longMinBytes = 4_096;
/** Written without padding. Nobody guesses it, so no other text of the message has it. */
const markBytes = 18;

interface TakenBytes {
  readonly mark: string;
  readonly bytes: Uint8Array;
}

/** Takes long bytes out of the message. */
export function takeLongBytes(type: DescMessage, message: Message): readonly TakenBytes[] {
  const taken: TakenBytes[] = [];
  takeFrom(reflect(type, message, false), taken);
  return taken;
}

export function putLongBytes(text: string, taken: readonly TakenBytes[]): string {
  let rest = text;
  let done = '';
  // They were taken in the order in which they are written, except that fields of JSON have the order of their numbers.
  for (const { mark, bytes } of inOrderOf(text, taken)) {
    const at = rest.indexOf(mark);
    done += rest.slice(0, at) + Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
    rest = rest.slice(at + mark.length);
  }
  return done + rest;
}

function inOrderOf(text: string, taken: readonly TakenBytes[]): readonly TakenBytes[] {
  return taken.toSorted((one, other) => text.indexOf(one.mark) - text.indexOf(other.mark));
}

function takeFrom(message: ReflectMessage, taken: TakenBytes[]): void {
  for (const field of message.fields) {
    if (!message.isSet(field)) continue;
    if (field.fieldKind === 'scalar' && field.scalar === ScalarType.BYTES) {
      const bytes: unknown = message.get(field);
      if (!(bytes instanceof Uint8Array) || bytes.byteLength < longMinBytes) continue;
      const mark = randomBytes(markBytes);
      message.set(field, new Uint8Array(mark));
      taken.push({ mark: mark.toString('base64'), bytes });
    } else if (field.fieldKind === 'message') takeFrom(message.get(field), taken);
    else if (field.fieldKind === 'list' && field.listKind === 'message') {
      for (const item of message.get(field)) takeFrom(item as ReflectMessage, taken);
    }
  }
}
