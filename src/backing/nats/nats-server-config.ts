/** The configuration of a nats-server that we run ourselves on one machine. */

export interface NatsServerSettings {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  readonly storeDir: string;
  /** See `StartNatsServerOptions`. Default `always`. */
  readonly syncInterval?: string;
  /**
   * Where the server writes its log and process id; it then also writes its ports to `storeDir`. Default: it logs to
   * standard error and writes no files.
   */
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
    // Every stream has its own bound, and the server reserves the sum of these bounds at startup. With a limit taken
    // from the disk, a small disk would refuse to start.
    '  max_file_store: 1TB',
    '}',
    '',
  ].join('\n');
}
