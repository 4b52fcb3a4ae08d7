// Earlier conversations of a visitor who has proved who they are.

import { div, h } from "../dom.ts";
import type { EarlierSession, News } from "../protocol.ts";
import { timeline } from "../timeline.ts";
import { t } from "../texts.ts";
import { ask } from "../visitor.ts";
import { createLog } from "./log.ts";
import { button, day, time } from "./parts.ts";

export const earlier = div("earlier");
earlier.hidden = true;

/** Show the list, from its beginning. */
export function openEarlier(): void {
  const list = h("ul");
  earlier.replaceChildren(list);
  void attempt(() => page(list, ""));
}

async function page(list: HTMLElement, query: string): Promise<void> {
  type Page = { items: EarlierSession[]; next_cursor: string | null };
  const { items, next_cursor } = await ask<Page>("GET", "sessions" + query);
  list.append(
    ...items.map(({ id, started_at, last_message }) => {
      const line = button("", () => attempt(() => read(id)), "line");
      line.append(h("b", {}, `${day(started_at)}, ${time(started_at)}`), h("span", {}, last_message));
      return h("li", {}, line);
    }),
  );
  if (!query) list.querySelector("button")?.focus();
  if (!next_cursor) return;
  const more = button(t("older"), () => {
    more.remove();
    void attempt(() => page(list, "?cursor=" + encodeURIComponent(next_cursor)));
  }, "plain");
  earlier.append(more);
}

async function read(id: string): Promise<void> {
  const { messages, session } = await ask<News>("GET", "messages?session=" + encodeURIComponent(id));
  const nothing = (): Promise<void> => Promise.resolve();
  const log = createLog({ retry: nothing, discard: nothing, older: nothing });
  log.update(timeline(null, messages, [], session), [], false);
  earlier.replaceChildren(log.element);
  log.toEnd();
  log.box.focus();
}

async function attempt(act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch {
    earlier.replaceChildren(button(`${t("failed")}. ${t("retry")}`, openEarlier, "plain"));
  }
}
