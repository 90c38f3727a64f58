/** Parses the answers of JetStream to publishes. */

export interface PubAckError {
  readonly err_code?: number;
  readonly description?: string;
}

const letterS = 0x73;
const quote = 0x22;
const seqKey = '"seq":';
const progressStart = '{"type":"ack"';

/** The confirmation of a batch. */
export interface BatchEnd {
  /** Messages of the batch that are stored, including those whose ids were already known. */
  readonly count: number;
  /** The sequence of the last message that was stored, 0 if none was new. */
  readonly seq: number;
}

/** True if the answer is one of the progress reports that the server sends before the end of a batch. */
export function isBatchProgress(data: Uint8Array): boolean {
  return textOf(data).startsWith(progressStart);
}

/**
 * Reads the final answer to a batch: how much of it is stored, or why nothing more is. After a gap, which is an error,
 * the server accepts no further message of the batch.
 */
export function readBatchEnd(data: Uint8Array): BatchEnd | PubAckError {
  try {
    const answer = JSON.parse(textOf(data)) as (Partial<BatchEnd> & { error?: PubAckError }) | null;
    if (answer?.error !== undefined) return answer.error;
    if (typeof answer?.count === 'number') return { count: answer.count, seq: answer.seq ?? 0 };
  } catch {
    // The error is returned below.
  }
  return { description: 'the answer is not the end of a batch' };
}

/**
 * Reads a PubAck: the sequence, 0 for a duplicate, or the error. The common form `{"stream":"X", "seq":12}` is scanned
 * and not parsed as JSON, because this runs several times per job.
 */
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
    // The error is returned below.
  }
  return { description: 'the answer is not a PubAck' };
}

function textOf(data: Uint8Array): string {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('latin1');
}
