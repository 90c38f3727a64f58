// Reads configurations as a process of Troupe does, by the loader that the first argument names: a JSON list of
// { name, text, env } comes in, one of problems goes out.
import { text } from 'node:stream/consumers';

const { ConfigError, loadConfig } = await import(process.argv[2]);

const problems = JSON.parse(await text(process.stdin)).flatMap(({ name, text: fileText, env }) => {
  try {
    loadConfig({ fileText, fileName: name, env });
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return [error.message];
  }
});
process.stdout.write(JSON.stringify(problems));
