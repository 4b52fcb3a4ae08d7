// The app: runs in the loader's clean frame, draws into its shadow root.

import { bridge } from "./realm.ts";
import { run, start } from "./widget.ts";

// What was asked before we came is known before the first session is asked for.
void start();
bridge.connect({ run });
