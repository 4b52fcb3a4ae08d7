// The talk as the visitor sees it: what the gateway told, merged in its order. Pure.

import type { Message, News, Session, Typing } from "./protocol.ts";

export interface Talk {
  /** Where the gateway's journal was when we last asked; null: ask for everything. */
  cursor: string | null;
  session: Session | null;
  messages: readonly Message[];
  /** There are older ones than the first of `messages`. */
  earlier: boolean;
  unread: number;
  typing: readonly Typing[];
  /**
   * Said and kept by the gateway, but not told by it yet. They stand behind all others until they
   * are: only the gateway's own list says what came before what.
   */
  kept: readonly Message[];
}

export const NOTHING: Talk = {
  cursor: null,
  session: null,
  messages: [],
  earlier: false,
  unread: 0,
  typing: [],
  kept: [],
};

/** Take in what is new. */
export function merge(talk: Talk, news: News): Talk {
  const anew = news.reset || talk.cursor === null;
  const changed = new Map(news.messages.map((message) => [message.id, message]));
  const messages = anew
    ? news.messages
    : [
        ...talk.messages.map((one) => changed.get(one.id) ?? one),
        ...without(news.messages, talk.messages),
      ];
  return {
    ...news,
    messages,
    earlier: anew ? !!news.earlier : talk.earlier,
    kept: without(talk.kept, messages),
  };
}

/** Put older messages before the others. */
export function withOlder(talk: Talk, { messages, earlier }: News): Talk {
  return {
    ...talk,
    messages: [...without(messages, talk.messages), ...talk.messages],
    earlier: !!earlier,
  };
}

/** The gateway has this one: it counts as sent until it is told. */
export function keep(talk: Talk, message: Message): Talk {
  return { ...talk, kept: [...talk.kept, ...without([message], [...talk.messages, ...talk.kept])] };
}

/** Those that are not among `known`. */
export function without(messages: readonly Message[], known: readonly Message[]): Message[] {
  const ids = new Set(known.map(({ id }) => id));
  return messages.filter(({ id }) => !ids.has(id));
}
