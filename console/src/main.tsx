/** Starts the console in its page. */
import { render } from 'preact';
import { Frame } from './pages/frame.tsx';
import { startKeys } from './site/keys.ts';
import { startNavigation } from './site/navigation.ts';
import { startSession } from './site/session.ts';
import { startTheme } from './site/theme.ts';

startTheme();
startNavigation();
startKeys();
startSession();
const root = document.getElementById('app');
if (root !== null) render(<Frame />, root);
