import { defineHandler } from 'troupe/handlers';

export default defineHandler({ name: 'noop', run: () => undefined });
