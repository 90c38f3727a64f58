/** What JetStream answers to a publish. */

export interface PubAckError {
  readonly err_code?: number;
  readonly description?: string;
}

const letterS = 0x73;
const quote = 0x22;
const seqKey = '"seq":';
const progressStart = '{"type":"ack"';

/** How a batch ended. */
export interface BatchEnd {
  /** Messages of the batch that are stored, those whose ids were known included. */
  readonly count: number;
  /** Of the last one stored; 0 when none was new. */
  readonly seq: number;
}

/** How far the server is with a batch, said now and then before its end. */
export function isBatchProgress(data: Uint8Array): boolean {
  return textOf(data).startsWith(progressStart);
}

/**
 * The end of a batch: how much of it is stored, or why nothing more of it is. After a gap, which is told as such, the
 * server takes nothing more of the batch.
 */
export function readBatchEnd(data: Uint8Array): BatchEnd | PubAckError {
  try {
    const answer = JSON.parse(textOf(data)) as (Partial<BatchEnd> & { error?: PubAckError }) | null;
    if (answer?.error !== undefined) return answer.error;
    if (typeof answer?.count === 'number') return { count: answer.count, seq: answer.seq ?? 0 };
  } catch {
    // Told below.
  }
  return { description: 'the answer is not the end of a batch' };
}

/** The sequence, 0 for a duplicate, or the error. For speed `{"stream":"X", "seq":12}` is not parsed as JSON. */
export function readPubAck(data: Uint8Array): number | PubAckError {
  const text = textOf(data);
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

function textOf(data: Uint8Array): string {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('latin1');
}
