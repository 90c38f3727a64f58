/** What JetStream answers to a publish. */

export interface PubAckError {
  readonly err_code?: number;
  readonly description?: string;
}

const letterS = 0x73;
const quote = 0x22;
const seqKey = '"seq":';

/** The sequence, 0 for a duplicate, or the error. For speed `{"stream":"X", "seq":12}` is not parsed as JSON. */
export function readPubAck(data: Uint8Array): number | PubAckError {
  const text = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('latin1');
  if (data[1] === quote && data[2] === letterS) {
    const at = text.indexOf(seqKey);
    if (at > 0) return text.includes('"duplicate":', at) ? 0 : Number.parseInt(text.slice(at + seqKey.length), 10);
  }
  try {
    const answer = JSON.parse(text) as { error?: PubAckError; seq?: number; duplicate?: boolean } | null;
    if (answer?.error !== undefined) return answer.error;
    if (typeof answer?.seq === 'number') return answer.duplicate === true ? 0 : answer.seq;
  } catch {
    // Told below.
  }
  return { description: 'the answer is not a PubAck' };
}
