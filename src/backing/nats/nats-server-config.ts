/** The configuration of a nats-server of our own, for one machine. */

export interface NatsServerSettings {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly storeDir: string;
  readonly syncInterval?: string;
  /** Where it writes its log, process id and ports; absent: it logs to its standard error and writes neither. */
  readonly files?: { readonly log: string; readonly pid: string };
}

export function natsServerConfiguration({ host, port, storeDir, syncInterval, files }: NatsServerSettings): string {
  const text = (value: string): string => JSON.stringify(value);
  return [
    `host: ${text(host)}`,
    `port: ${port === 0 ? -1 : port}`,
    ...(files === undefined
      ? []
      : [
          `pid_file: ${text(files.pid)}`,
          `log_file: ${text(files.log)}`,
          'logfile_size_limit: 8MB',
          'logfile_max_num: 2',
          `ports_file_dir: ${text(storeDir)}`,
        ]),
    'max_payload: 1MB',
    'jetstream {',
    `  store_dir: ${text(storeDir)}`,
    `  sync_interval: ${syncInterval ?? 'always'}`,
    // The streams bound themselves; their bounds are reserved against this, and a small disk must not refuse a start.
    '  max_file_store: 1TB',
    '}',
    '',
  ].join('\n');
}
