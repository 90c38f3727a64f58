import { defineHandler } from 'troupe/handlers';

const native = /\[native code\]/;

/** Reports which globals of its thread differ from plain JavaScript. */
export default defineHandler({
  name: 'pristine',
  run() {
    const changed: string[] = [];
    for (const key in {}) changed.push(`Object.prototype.${key}`);
    const looked: Readonly<Record<string, unknown>> = {
      'Array.prototype.map': Array.prototype.map,
      'Array.prototype.push': Array.prototype.push,
      'Promise.prototype.then': Promise.prototype.then,
      'Atomics.load': Atomics.load,
      'JSON.parse': JSON.parse,
      Promise,
    };
    for (const [name, value] of Object.entries(looked)) {
      if (typeof value !== 'function' || !native.test(Function.prototype.toString.call(value))) changed.push(name);
    }
    if (typeof performance !== 'object') changed.push('performance');
    return { changed };
  },
});
