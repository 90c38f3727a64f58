/** Counts the bytes of the unfinished message in a stream of gRPC-framed messages. */

/** A flag and a 4-byte length. */
const headBytes = 5;

/**
 * Returns a function that takes each chunk in turn and returns the bytes held. A message that announces too large a
 * length counts nothing: grpc-js refuses it by its header and drops what follows.
 */
export function unfinishedMessage(messageMaxBytes: number): (chunk: Uint8Array) => number {
  let head = 0;
  let announced = 0;
  let left = 0;

  function readHead(byte: number): void {
    if (head > 0) announced = announced * 256 + byte;
    head += 1;
    if (head < headBytes) return;
    left = announced;
    if (left === 0) head = 0;
  }

  function readBody(most: number): number {
    const taken = Math.min(left, most);
    left -= taken;
    if (left === 0) {
      head = 0;
      announced = 0;
    }
    return taken;
  }

  return (chunk) => {
    for (let at = 0; at < chunk.byteLength;) {
      if (left > 0) at += readBody(chunk.byteLength - at);
      else readHead(chunk[at++] ?? 0);
    }
    return left === 0 || announced > messageMaxBytes ? 0 : announced - left;
  };
}
