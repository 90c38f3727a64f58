/** Writes docs/state-machine.md from the table in src/domain/state-machine.ts. With `--check` it only compares. */
import { stateMachineDocument } from '../src/domain/state-machine-document.ts';
import { keepPage } from './generated-page.ts';

keepPage('docs/state-machine.md', stateMachineDocument(), 'docs:state-machine');
