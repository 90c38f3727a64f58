/**
 * Looks at JSON text before it is parsed. It bounds what a small text can become in memory, and finds what `JSON.parse`
 * would drop: of a name that an object has twice, it keeps the last one.
 *
 * It passes over text that is no JSON, which the parser then refuses.
 */
import type { FieldViolation } from '../domain/errors.ts';

/** The messages of the contract are at most a few levels deep. */
const depthMax = 64;
/** Objects, lists and members. The largest call, 1,000 jobs with all options, has about 50,000. */
const partsMax = 100_000;

const quote = 0x22;
const comma = 0x2c;
const openList = 0x5b;
const backslash = 0x5c;
const closeList = 0x5d;
const openObject = 0x7b;
const closeObject = 0x7d;

/** An open object or list. */
interface Frame {
  /** Undefined for a list. */
  readonly names: Set<string> | undefined;
  /** The member that is being read. */
  name: string;
  index: number;
  expectsName: boolean;
}

export function scanJson(text: string): FieldViolation | undefined {
  const frames: Frame[] = [];
  let parts = 0;
  for (let at = 0; at < text.length; at += 1) {
    const sign = text.charCodeAt(at);
    const frame = frames.at(-1);
    if (sign === quote) {
      const end = endOfText(text, at);
      if (end < 0) return undefined;
      if (frame?.names !== undefined && frame.expectsName) {
        const name = nameIn(text.slice(at, end + 1));
        if (name === undefined) return undefined;
        frame.name = name;
        frame.expectsName = false;
        if (frame.names.has(name)) return { field: pathOf(frames), description: 'is given twice' };
        frame.names.add(name);
      }
      at = end;
    } else if (sign === openObject || sign === openList) {
      frames.push(newFrame(sign === openObject));
      if (frames.length > depthMax) return tooMuch(frames, `is nested deeper than ${depthMax} levels`);
      parts += 1;
    } else if (sign === closeObject || sign === closeList) {
      frames.pop();
    } else if (sign === comma && frame !== undefined) {
      frame.expectsName = frame.names !== undefined;
      frame.index += 1;
      parts += 1;
    }
    if (parts > partsMax) return tooMuch([], `has more than ${partsMax} parts`);
  }
  return undefined;
}

function newFrame(isObject: boolean): Frame {
  return { names: isObject ? new Set() : undefined, name: '', index: 0, expectsName: isObject };
}

function tooMuch(frames: readonly Frame[], description: string): FieldViolation {
  return { field: pathOf(frames.slice(0, 4)), description };
}

/** The place of the quote that ends a text, or -1. Most of a large request is one text, so this does not look at each sign. */
function endOfText(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === backslash) slashes += 1;
    if (slashes % 2 === 0) return end;
  }
  return -1;
}

/** Two spellings of a name are one name. Undefined if it is no JSON. */
function nameIn(quoted: string): string | undefined {
  if (!quoted.includes('\\')) return quoted.slice(1, -1);
  try {
    return JSON.parse(quoted) as string;
  } catch {
    return undefined;
  }
}

function pathOf(frames: readonly Frame[]): string {
  return frames
    .map(({ names, name, index }, level) =>
      names === undefined ? `[${index}]` : `${level > 0 ? '.' : ''}${shown(name)}`,
    )
    .join('');
}

const nameMax = 128;

/** A name as it can be told: short, and well-formed. */
export function shown(name: string): string {
  return name.slice(0, nameMax).toWellFormed();
}
