// Written by build/tsgen from app/api/types.go. Do not edit: run "go run ./build/tsgen".

/** What an entry tells. */
export type Kind =
  | 'started'
  | 'stopped'
  | 'opened'
  | 'closed'
  | 'subscribed'
  | 'unsubscribed'
  | 'joined'
  | 'left'
  | 'published'
  | 'whispered'
  | 'refused'
  | 'signed_in'
  | 'webhook'
  | 'trouble';

/** The door that an entry came through. */
export type Source =
  | 'server'
  | 'http'
  | 'client'
  | 'replay';

/** Status is the state of the server at one moment: GET /api/status. */
export interface Status {
  /** Version of Echolab, such as "0.1.0". */
  version: string;
  /** StartedAt is when the server came up. */
  started_at: string;
  /** Profile is the protocol profile: reverb or pusher. */
  profile: string;
  /** Server is the emulator's listener. */
  server: ServerStatus;
  /** UI is the address of the page in a browser; empty when there is none. */
  ui: string;
  /** Apps are the applications served, in the order of the configuration. */
  apps: AppStatus[];
  /** Store is where the journal is kept. */
  store: StoreStatus;
  /** Warnings are sentences that a person should read. */
  warnings: string[];
}

/** ServerStatus is the listener that clients and the application talk to. */
export interface ServerStatus {
  /** Host is the address listened on, such as 127.0.0.1 or 0.0.0.0. */
  host: string;
  port: number;
  /** Path is the prefix before /app and /apps; empty or starting with a slash. */
  path: string;
  /** Hostname is the name under which clients are to find it (--hostname, REVERB_HOST); empty when none was given. */
  hostname: string;
  /** URL is where a client on this machine reaches it, path included, such as http://127.0.0.1:8080. */
  url: string;
  /** ReachableFromNetwork tells that other machines can connect. */
  reachable_from_network: boolean;
}

/** AppStatus is one application and who is on it now. */
export interface AppStatus {
  id: string;
  key: string;
  /** Connections counts open sockets. */
  connections: number;
  /** Channels counts channels with a subscriber. */
  channels: number;
  /** Subscribed counts sockets that are on at least one channel. */
  subscribed: number;
}

/** StoreState says how the store is. */
export type StoreState =
  | 'ok'
  | 'memory'
  | 'failing';

/** StoreStatus is where entries are kept and whether that works. */
export interface StoreStatus {
  state: StoreState;
  /** Path of the database file, or :memory:. */
  path: string;
  /** Error is the reason in words while the state is failing. */
  error: string;
}

/** Entry is one thing that happened, as the journal has it. */
export interface Entry {
  /** Seq orders entries: 1, 2, 3 … */
  seq: number;
  /** ID is the same entry's identity in the store, a UUID ordered by time. */
  id: string;
  /** At is RFC 3339 in UTC with six decimals. */
  at: string;
  kind: Kind;
  source: Source;
  app: string;
  socket: string;
  channel: string;
  event: string;
  user: string;
  /** Data is the payload as text, usually JSON. In a feed it ends after 8 kB, see Truncated. */
  data: string;
  /** Count is recipients, subscribers or members, depending on the kind. */
  count: number;
  /** Bytes is the size of the whole payload on the wire. */
  bytes: number;
  /** Delivered tells that at least one subscriber got the event. */
  delivered: boolean;
  /** Note is the reason in words. */
  note: string;
  /** Truncated tells that Data is only the beginning: GET /api/entries/{seq} has all of it. */
  truncated?: boolean;
}

/** Feed is what happened after a moment: GET /api/feed?after=SEQ&wait=15s&limit=500. */
export interface Feed {
  entries: Entry[];
  /** Next is the value of after for the next request. */
  next: number;
  /** Lost counts entries between after and the first of Entries that are no longer in the journal's ring. */
  lost: number;
  /** Epoch names this run of the server. Another value than before: sequence numbers may have started again. */
  epoch: string;
  /** Now is the server's clock, so that a page on another machine draws the same seconds. */
  now: string;
}

/** Entries is a page of what the store has, oldest first: GET /api/entries?before=SEQ&limit=200&app=ID. */
export interface Entries {
  entries: Entry[];
}

/** Secret is an application's secret: GET /api/apps/{id}/secret. */
export interface Secret {
  secret: string;
}

/** Problem is the body of every answer that is not a success. */
export interface Problem {
  /** Code is stable and made for programs: not_found, bad_request, foreign_host, foreign_origin, token_needed … */
  code: string;
  /** Message is a sentence for a person: what happened and what to do. */
  message: string;
}
