/** What every page of the console runs. Pages that need more look for their own elements. */

import htmx from "htmx.org";

import { installActs } from "./acts.ts";
import { installCustomers } from "./customers.ts";
import { installDesk } from "./desk.ts";
import { installDialogs } from "./dialogs.ts";
import { installHistory } from "./history.ts";
import { installLive } from "./live.ts";
import { installNotices } from "./notices.ts";
import { installPicture } from "./picture.ts";
import { installProfile } from "./profile.ts";
import { installReplay } from "./replay.ts";
import { installSessions } from "./sessions.ts";
import { installTimes } from "./times.ts";
import { installTokens } from "./tokens.ts";
import { installToasts } from "./toasts.ts";

installToasts();
installDialogs();
installActs();
installTimes();
installTokens();
installProfile();
installPicture();
installHistory();
installDesk();
installNotices();
installSessions(htmx);
installCustomers();
installReplay();
installLive(htmx);
