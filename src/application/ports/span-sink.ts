/** Where finished spans go. Nobody waits for it, and it may lose spans; it counts those. */

interface SpanRef {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
}

/** A span that is over. Times are epoch ms. */
export interface FinishedSpan extends SpanRef {
  readonly name: string;
  readonly kind: 'producer' | 'consumer';
  /** In the same trace. Absent for the first span of a trace. */
  readonly parentSpanId?: string;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  /** Whether what it is about went wrong. */
  readonly failed: boolean;
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly links: readonly SpanRef[];
}

export interface SpanSink {
  add(span: FinishedSpan): void;
}
