// What the gateway's doors say: docs/widget-protocol.md, in types.

/** A string, or `[tag, attributes, children]`. */
export type ContentNode = string | readonly [string, Readonly<Record<string, unknown>>, Content];
export type Content = readonly ContentNode[];

export interface Author {
  kind: "customer" | "ai" | "operator" | "bot" | "system";
  name: string | null;
  avatar_url: string | null;
}

export interface Attachment {
  id: string;
  name: string;
  content_type: string;
  size: number;
  url: string;
}

export interface Message {
  id: string;
  client_id: string | null;
  kind: "message" | "marker";
  author: Author;
  text: string;
  content: Content;
  attachments: Attachment[];
  state: string;
  /** Its words were taken back. */
  redacted?: boolean;
  occurred_at: string;
  marker: { kind: "handover" | "joined" | "returned" | "finished"; name: string | null } | null;
}

export interface Session {
  id: string;
  status: "active" | "finished";
  speaker: { kind: "ai" | "operator" | "nobody"; name: string | null; avatar_url: string | null };
  waiting: { since: string; position: number | null } | null;
  started_at: string;
  finished_at: string | null;
  rating: { score: number; comment: string | null } | null;
  read_by_them: string | null;
}

export interface Typing {
  kind: string;
  name: string | null;
}

/** The answer of `GET /widget/v1/messages`. */
export interface News {
  cursor: string;
  reset: boolean;
  earlier?: boolean;
  session: Session | null;
  messages: Message[];
  typing: Typing[];
  unread: number;
}

export interface Config {
  title: string;
  ai_name: string | null;
  welcome_message: Content | null;
  quick_replies: string[];
  color: string | null;
  files: { max_bytes: number; types: string[]; most: number } | null;
  rating: boolean;
  max_text: number;
}

export interface Visitor {
  id: string;
  level: "anonymous" | "claimed" | "verified";
  name: string | null;
  email: string | null;
}

/** The answer of `POST /widget/v1/sessions`. */
export interface Opened {
  visitor_token: string;
  expires_at: string;
  visitor: Visitor;
  session: Session | null;
  config: Config;
}

export interface EarlierSession {
  id: string;
  status: "active" | "finished";
  started_at: string;
  finished_at: string | null;
  last_message: string | null;
}
