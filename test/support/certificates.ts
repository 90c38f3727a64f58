/** Makes a certificate authority and a certificate for 127.0.0.1 for one test file, as PEM files in a folder. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Certificates {
  readonly caPath: string;
  readonly certPath: string;
  readonly keyPath: string;
}

export function makeCertificates(folder: string, name = 'server', kind: 'ec' | 'rsa' = 'ec'): Certificates {
  const file = (part: string): string => join(folder, `${name}-${part}`);
  const [caKey, caPath, keyPath, request, certPath] = ['ca.key', 'ca.pem', 'key.pem', 'request', 'cert.pem'].map(
    file,
  ) as [string, string, string, string, string];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl(['req', '-x509', ...curve, '-days', '1', '-subj', `/CN=${name} authority`, '-keyout', caKey, '-out', caPath]);
  const own = kind === 'ec' ? curve : ['-newkey', 'rsa:2048', '-nodes'];
  openssl(['req', ...own, '-subj', '/CN=localhost', '-keyout', keyPath, '-out', request]);
  writeFileSync(file('names'), 'subjectAltName=IP:127.0.0.1,DNS:localhost\n');
  const signing = ['-CA', caPath, '-CAkey', caKey, '-CAcreateserial', '-days', '1', '-extfile', file('names')];
  openssl(['x509', '-req', '-in', request, ...signing, '-out', certPath]);
  return { caPath, certPath, keyPath };
}

/** Writes a PKCS12 store with key and certificate, which is the format that Java needs. */
export function pkcs12(certificates: Certificates, path: string, password: string): void {
  const { caPath, certPath, keyPath } = certificates;
  const content = ['-inkey', keyPath, '-in', certPath, '-certfile', caPath];
  openssl(['pkcs12', '-export', ...content, '-out', path, '-passout', `pass:${password}`]);
}

function openssl(args: readonly string[]): void {
  const { status, stderr } = spawnSync('openssl', [...args], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`openssl ${args[0] ?? ''}: ${stderr}`);
}
