import { defineHandler } from 'troupe/handlers';

export default defineHandler({
  name: 'exits',
  run() {
    process.exit(3);
  },
});
