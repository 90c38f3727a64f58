/** How much of a message has come that is not whole yet, of a stream that carries one after the other as gRPC frames them. */

/** A flag, and the length in 4 bytes. */
const headBytes = 5;

/**
 * To be told each chunk in turn. What is announced as longer than a message may be counts nothing: grpc-js refuses it by its
 * head, and lets go of all that follows.
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
