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
  | 'trouble'
  | 'configured';

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
  /** LastSeq is the number of the newest entry: where to wait from for what happens next. */
  last_seq: number;
}

/** ServerStatus is the listener that clients and the application talk to. */
export interface ServerStatus {
  /** Host is the address listened on, such as 127.0.0.1 or 0.0.0.0. */
  host: string;
  port: number;
  /** Path is the prefix before /app and /apps; empty or starting with a slash. */
  path: string;
  /** Hostname is the name under which clients are to find it (--hostname, REVERB_HOST); empty when none was given, or
   * one that the certificate is not for. */
  hostname: string;
  /** Scheme is http, or https where TLS is configured. */
  scheme: string;
  /** URL is where a client on this machine reaches it, path included, such as http://127.0.0.1:8080. With TLS its host is
   * one that the certificate is for. */
  url: string;
  /** ReachableFromNetwork tells that other machines can connect. */
  reachable_from_network: boolean;
}

/** AppStatus is one application and who is on it now. */
export interface AppStatus {
  id: string;
  key: string;
  /** Keys are further keys that name it as well. */
  keys?: string[];
  /** Connections counts open sockets. */
  connections: number;
  /** Channels counts channels with a subscriber. */
  channels: number;
  /** Subscribed counts sockets that are on at least one channel. */
  subscribed: number;
  /** Made tells that it was made while Echolab runs, and can be removed. */
  made?: boolean;
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
  /** Truncated tells that Data is only the beginning: GET /api/events/{seq} has all of it. */
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

/** Entries is a page of what the store has, oldest first: GET /api/events. */
export interface Entries {
  entries: Entry[];
  /** More tells that others may fit too: before the first entry, or after the last one where order=oldest was asked for. A
   * search that takes long ends early, so a page may hold less than limit, even nothing, and More be true all the same. */
  more: boolean;
  /** Next is the value of before for the following page, or of after where order=oldest was asked for. */
  next: number;
}

/** Waited is what came of waiting: GET /api/events/wait. It has the same shape whether something came or not. */
export interface Waited {
  /** Entry is the first one that fits; null when none came in time. */
  entry: Entry | null;
  /** Next is the value of after with which the next one is waited for. */
  next: number;
  /** Note says what came instead, when none came in time; otherwise it is empty. */
  note: string;
}

/** Diagnosis is who got an event, and why somebody's listener may not have run: GET /api/events/{seq}/diagnosis. */
export interface Diagnosis {
  seq: number;
  /** ID is the event's identity in the store. */
  id: string;
  app: string;
  channel: string;
  event: string;
  /** Verdict is a sentence: how many got it, or why nobody did. */
  verdict: string;
  /** Recipients counts the sockets that got it. */
  recipients: number;
  /** Got are those sockets, a hundred at most, in the order of subscribing; empty when that is not known exactly. */
  got: Subscriber[];
  /** Causes are why a listener may not have run, what is certain first. */
  causes: Cause[];
  /** Listen is the line of laravel-echo that hears this event on this channel, with Echo's usual namespace App.Events. */
  listen: string;
}

/** Cause is one reason why a listener did not run. */
export interface Cause {
  /** Name is stable, such as nobody_subscribed, near_name, late or event_name. */
  name: string;
  /** Certain: the server knows that it was so. Otherwise it depends on the front end, and What says if. */
  certain: boolean;
  /** What happened, in words. */
  what: string;
  /** Do is what to try; empty for nothing. */
  do: string;
  /** Entry is the number of the entry that shows it; 0 for none. */
  entry: number;
}

/** Cleared tells what was deleted: DELETE /api/events. */
export interface Cleared {
  /** Entries counts the entries that were deleted. */
  entries: number;
}

/** NewApp describes an application to make; everything may be left out. The names and rules are those of echolab.yaml. */
export interface NewApp {
  /** ID, Key and Secret are random when they are left out. ID and Key have 1 to 100 letters, digits, '.', '_' and '-', and
   * do not begin with a dot. */
  id?: string;
  key?: string;
  secret?: string;
  /** Keys are further keys that clients may connect with, for a front end that was built with another one. */
  keys?: string[];
  /** AllowedOrigins are host names that pages may connect from, with * for any run of characters. */
  allowed_origins?: string[];
  /** PingInterval is the silence after which the server pings, such as 60s. */
  ping_interval?: string;
  /** ActivityTimeout is the silence after which a client pings, in whole seconds, such as 30s. */
  activity_timeout?: string;
  /** MaxConnections limits subscribed sockets. */
  max_connections?: number;
  /** MaxMessageSize is the bytes of one message from a client. */
  max_message_size?: number;
  /** AcceptClientEventsFrom says who may whisper: members, all or none. */
  accept_client_events_from?: string;
  rate_limiting?: RateLimiting;
  /** SubscriptionCount sends subscription counts (profile pusher). */
  subscription_count?: boolean;
  webhooks?: Webhook[];
}

/** RateLimiting counts the messages of each socket. */
export interface RateLimiting {
  enabled?: boolean;
  /** MaxAttempts is the messages let through in a window. */
  max_attempts?: number;
  /** Decay is the length of the window, such as 60s. */
  decay?: string;
  /** Terminate ends the connection instead of answering with an error. */
  terminate?: boolean;
}

/** Webhook is one receiver of webhook events. */
export interface Webhook {
  url: string;
  /** Events limits the receiver to these names; none means all. */
  events?: string[];
  /** Batch collects events for so long, such as 1s. */
  batch?: string;
}

/** MadeApp is an application of one's own, for a test worker: POST /api/apps. It is served until it is removed or
 * Echolab ends, and is written into no configuration. */
export interface MadeApp {
  id: string;
  key: string;
  /** Keys are the further keys that were asked for. */
  keys?: string[];
  secret: string;
  /** Server is where clients and the application reach it. */
  server: string;
  /** LastSeq is the number of the newest entry: where to wait from for what happens in the application. */
  last_seq: number;
  /** Env is the lines for a Laravel application's .env. */
  env: string;
  /** Echo is the same for laravel-echo. */
  echo: string;
}

/** RemovedApp tells what became of an application that was removed: DELETE /api/apps/{id}. */
export interface RemovedApp {
  id: string;
  /** Disconnected counts the sockets that were on it. */
  disconnected: number;
}

/** Connection is one socket at a moment. */
export interface Connection {
  app: string;
  socket: string;
  /** Since is when it connected. */
  since: string;
  /** Origin is that of the page; empty where the client sent none. */
  origin: string;
  user_agent: string;
  /** Remote is the peer's address and port. */
  remote: string;
  /** User is who signed in, else who it is in its oldest presence channel. */
  user: string;
  /** Channels are in the order of subscribing. */
  channels: string[];
  /** QueuedBytes wait to be written to it. */
  queued_bytes: number;
  /** LastSeen is when it was last heard. */
  last_seen?: string;
}

/** Connections are the open sockets, the oldest first within an application: GET /api/connections. */
export interface Connections {
  connections: Connection[];
  /** Total counts all that fit, be they listed or not. */
  total: number;
}

/** Disconnected is a socket that was ended: DELETE /api/connections/{socket}. */
export interface Disconnected {
  socket: string;
  /** Code is the close code that it was sent; 1006 is none, the connection was just cut. */
  code: number;
}

/** Channel is one channel at a moment. */
export interface Channel {
  app: string;
  name: string;
  /** Kind is public, private, presence, encrypted and so on. */
  kind: string;
  /** Subscriptions counts sockets. */
  subscriptions: number;
  /** Cached tells that it keeps an event for newcomers. */
  cached: boolean;
  /** Members are the users of a presence channel, in the order of joining. */
  members: Member[];
  /** Sockets are those that are subscribed; only one channel asked for by name has them. */
  sockets?: Subscriber[];
}

/** Member is one user of a presence channel. */
export interface Member {
  id: string;
  /** Sockets counts the user's sockets there. */
  sockets: number;
}

/** Subscriber is one socket on a channel. */
export interface Subscriber {
  socket: string;
  /** User is who it is in a presence channel; empty elsewhere. */
  user: string;
}

/** Channels are those that have a subscriber or keep an event, by application and name: GET /api/channels. */
export interface Channels {
  channels: Channel[];
}

/** State is who was connected, subscribed and present at a moment: GET /api/state. Of a moment that is over, a
 * connection's origin, user_agent, remote, queued_bytes and last_seen are not known. */
export interface State {
  /** Seq is the number of the last entry that is taken into account. */
  seq: number;
  /** At is when that was. */
  at: string;
  connections: Connection[];
  channels: Channel[];
}

/** Publication is an event to publish: POST /api/publish. */
export interface Publication {
  /** App is an application's id; the first one is taken when it is left out. */
  app?: string;
  /** Channel is where to; Channels are several. */
  channel?: string;
  channels?: string[];
  event: string;
  /** Data is any JSON value, {} when it is left out. A text is sent as it is; anything else as its JSON. */
  data?: unknown;
  /** SocketID is left out of those who get it. */
  socket_id?: string;
}

/** Published tells who got an event: the answer to POST /api/publish. */
export interface Published {
  deliveries: Delivery[];
}

/** Delivery is what became of an event on one channel. */
export interface Delivery {
  channel: string;
  /** Seq is the number of its entry. */
  seq: number;
  /** Recipients counts the sockets that got it. */
  recipients: number;
  /** Sockets are those that got it; empty when nobody did, or when somebody came or went at that moment. */
  sockets: Subscriber[];
  /** Note says why nobody got it. */
  note: string;
}

/** CatalogueEvent is one event that the emulated application can send. */
export interface CatalogueEvent {
  name: string;
  /** Wire is its name on the wire: App\\Events\\Name, or what broadcastAs gives. */
  wire: string;
  /** Hear is the call of laravel-echo that hears it, such as .listen('.InvoiceCreated', …). */
  hear: string;
  /** Channels are where it goes, with placeholders such as {clientId}. */
  channels: string[];
  /** Params are the placeholders. */
  params: string[];
  /** Sample is a payload as it goes over the wire; Problem says why there is none. */
  sample: string;
  problem?: string;
  /** Now tells that the queue does not hold it (ShouldBroadcastNow). */
  now?: boolean;
  /** Own tells that echolab.yaml has it or changes it. */
  own?: boolean;
  /** Extension tells that the guide does not have it. */
  extension?: boolean;
  /** Whisper tells that clients send it to each other. */
  whisper?: boolean;
}

/** Catalogue is every event of the emulated application: GET /api/backend/catalogue. */
export interface Catalogue {
  /** Mode is fixed or as-written: it changes channels and payloads. */
  mode: string;
  events: CatalogueEvent[];
}

/** Emit is an event of the catalogue to send: POST /api/backend/emit. */
export interface Emit {
  /** Event is its name in the catalogue, or on the wire. */
  event: string;
  /** Params is an object of ids for the placeholders and the payload: {"client": 5}. What is left out is drawn. */
  params?: unknown;
  /** Set changes the drawn payload; its keys are paths: {"total": "99.50", "invoice.status": "paid"}. */
  set?: unknown;
  /** Payload is sent in the place of a drawn one. */
  payload?: unknown;
  /** Channels are used instead of its own, as they are on the wire. */
  channels?: string[];
  /** SocketID is left out of those who get it. */
  socket_id?: string;
  /** Seed and Ordinal draw the same payload each time, its times included. */
  seed?: number;
  ordinal?: number;
  /** Now passes the queue's delay by. */
  now?: boolean;
  /** DryRun tells what would be sent, and sends nothing. */
  dry_run?: boolean;
}

/** EmittedRequest is one publish: an event on at most 100 channels. */
export interface EmittedRequest {
  /** Event is its name on the wire. */
  event: string;
  channels: string[];
  /** Data is the payload as text, byte for byte. */
  data: string;
  socket_id?: string;
  /** Deliveries tell who got it; there are none when it was not sent, or lies in the queue. */
  deliveries: Delivery[];
}

/** Emitted tells what was sent and who got it: the answer to POST /api/backend/emit. */
export interface Emitted {
  /** Event is its name in the catalogue. */
  event: string;
  sent: EmittedRequest[];
  /** DelayMS is how long it lies in the queue before it is sent. */
  delay_ms?: number;
  /** Notes say what a person may not expect. */
  notes?: string[];
}

/** BackendStatus is the emulated Laravel application: GET /api/backend. */
export interface BackendStatus {
  /** Mode is fixed, as-written or off. All that follows is empty when it is off. */
  mode: string;
  /** URL is where a client on this machine reaches it. */
  url: string;
  /** App is the application whose events it sends and whose channels it authorises, by its id. */
  app: string;
  /** File is the echolab.yaml that describes it; empty when it is the built-in one. */
  file: string;
  /** Problem says why a changed file is not used; empty when it is. */
  problem: string;
  /** NeedsRestart names the settings that were changed and take effect at the next start. */
  needs_restart: string[];
  /** DefaultUser is the id of who asks when a request names nobody; empty for a guest. */
  default_user: string;
  users: BackendUser[];
  channels: BackendChannel[];
  /** Entities counts the described rows of each type, by its name. */
  entities: BackendRows[];
  /** Events are the names of those that the file adds to the catalogue or puts in another's place. */
  events: string[];
  /** Workflows are the names of the notifications that workflows send. */
  workflows: string[];
  /** Policy is what a page's Content-Security-Policy needs so that it can connect to the server; empty as-written, where a
   * note says what the guide's own does. */
  content_security_policy: string;
  /** Notes are about what never reaches the server: policies and proxies. */
  notes: string[];
}

/** BackendRows counts the rows of a type of entity. */
export interface BackendRows {
  type: string;
  rows: number;
}

/** BackendUser is one of the emulated application's users. */
export interface BackendUser {
  /** ID is a number or a text. */
  id: unknown;
  name: string;
  avatar: string;
  role: string;
  /** Clients are the ids of the clients that the user belongs to. */
  clients: string[];
}

/** BackendChannel is one rule of the emulated routes/channels.php, in the order in which they are tried. */
export interface BackendChannel {
  pattern: string;
  rule: string;
  /** Member are the names of the fields that a presence channel shows of a member. */
  member: string[];
}

/** OnlineUser is one user of the emulated application whose heartbeat still counts. */
export interface OnlineUser {
  /** ID is a number or a text. */
  id: unknown;
  name: string;
  /** Location is where the user is, such as a page or a route; empty when that was never said. */
  location: string;
  last_seen_at: string;
}

/** Online is who is online in the emulated application, by heartbeat and not by socket: GET /api/backend/online. */
export interface Online {
  users: OnlineUser[];
  /** TTLSeconds is how long a heartbeat counts. */
  ttl_seconds: number;
}

/** Person is a user of the emulated application. */
export interface Person {
  /** ID is a number or a text. */
  id: unknown;
  name: string;
}

/** Activity is one line of the emulated application's activity feed. */
export interface Activity {
  id: number;
  type: string;
  description: string;
  /** User is who did it; null for the system. */
  user: Person | null;
  /** SubjectType is such as project; empty when it is about nothing. */
  subject_type: string;
  /** SubjectID is a number, a text or null. */
  subject_id: unknown;
  /** Metadata is an object; client_id and project_id in it say whose feeds the line is in. */
  metadata: unknown;
  created_at: string;
}

/** Activities is the activity feed, newest first: GET /api/backend/activities. */
export interface Activities {
  activities: Activity[];
}

/** NewActivity is a line to add: POST /api/backend/activities. */
export interface NewActivity {
  /** Type is such as project.created. */
  type: string;
  description?: string;
  /** User is the id of who did it; left out: the system. */
  user?: (string | number);
  subject_type?: string;
  subject_id?: (string | number);
  /** Metadata is an object; client_id and project_id in it say whose feeds the line is in. */
  metadata?: unknown;
}

/** DataVersion is one change of a row of the emulated application. */
export interface DataVersion {
  version: number;
  type: string;
  /** ID is a number or a text. */
  id: unknown;
  /** Action is created, updated or deleted. */
  action: string;
  at: string;
}

/** DataVersions is what changed after a version, oldest first: GET /api/backend/versions. */
export interface DataVersions {
  /** Version is what to ask with next. */
  version: number;
  changes: DataVersion[];
  /** More tells that there are more changes: ask again at once. */
  more: boolean;
}

/** Viewer is a user of the emulated application who looks at a row. */
export interface Viewer {
  /** Type and ID name the row, as the front end did. ID is a number or a text. */
  type: string;
  id: unknown;
  user: Person;
  since: string;
}

/** Viewers is who looks at what: GET /api/backend/viewers. */
export interface Viewers {
  viewers: Viewer[];
}

/** BackendTypes are the types of rows that the emulated application has: GET /api/backend/entities. */
export interface BackendTypes {
  types: BackendRows[];
}

/** BackendEntity is one row of the emulated application. */
export interface BackendEntity {
  type: string;
  /** ID is a number or a text. */
  id: unknown;
  /** Version grows with every change; 0 is the row as it was described. */
  version: number;
  /** Data is every field. */
  data: unknown;
}

/** BackendEntities are the rows of a type in the order of their ids: GET /api/backend/entities/{type}. */
export interface BackendEntities {
  rows: BackendEntity[];
}

/** BackendChange is what becomes of a row: POST and PATCH /api/backend/entities/… */
export interface BackendChange {
  /** Fields are those to set. version may be among them: the change is refused when the row has another one by now. */
  fields: unknown;
  /** As is the user who does it, by id, with what he may; without it the console does, which may do anything. */
  as?: (string | number);
  /** SocketID is a socket that does not get the events. */
  socket_id?: string;
}

/** BackendNotice is what users are told: POST /api/backend/notify. */
export interface BackendNotice {
  /** Users are ids. */
  users: (string | number)[];
  title?: string;
  message?: string;
  /** Data is an object, laid over title and message. */
  data?: unknown;
  /** Type is the notification's class; left out: App\Notifications\WorkflowNotification. */
  type?: string;
  /** Queued broadcasts before the row is stored, as a notification does that implements ShouldQueue. */
  queued?: boolean;
  /** LagMS is how long the row of a queued one takes. */
  lag_ms?: number;
  /** Held stores the rows and broadcasts nothing: the answer's broadcasts are for the caller to send. A queued one cannot be. */
  held?: boolean;
}

/** BackendNotification is a notification as it is kept for one user. */
export interface BackendNotification {
  id: string;
  type: string;
  /** User is the id of whom it is for: a number or a text. */
  user: unknown;
  data: unknown;
  /** ReadAt is null until it has been read. */
  read_at: string | null;
  created_at: string;
}

/** BackendNotifications are notifications: what there is, newest first, or what has been sent. */
export interface BackendNotifications {
  notifications: BackendNotification[];
  /** Warnings are about a workflow that was given. */
  warnings?: string[];
  /** Broadcasts are those that were held, in the order in which they are to be sent. */
  broadcasts?: HeldBroadcast[];
}

/** HeldBroadcast is a broadcast that the caller is to send. */
export interface HeldBroadcast {
  event: string;
  channels: string[];
  /** Data is JSON, as it goes over the wire. */
  data: string;
}

/** BackendRun is what a described workflow is run with: POST /api/backend/workflows/{name}/run. */
export interface BackendRun {
  /** Data fills what stands in braces, and goes along. */
  data?: unknown;
  /** Held is as in a notice. */
  held?: boolean;
}

/** BackendWorkflow is a workflow notification that is not described: POST /api/backend/workflows. */
export interface BackendWorkflow {
  /** Workflow has recipient_type, recipient_role (recipient_id, recipient_client_id), title and message, or to, title and
   * body. */
  workflow: unknown;
  /** Data fills what stands in braces, and goes along. */
  data?: unknown;
  /** Held is as in a notice. */
  held?: boolean;
}

/** BackendReset tells what a reset gave back: POST /api/backend/reset. */
export interface BackendReset {
  /** Rows is how many rows users had made, changed or deleted. */
  rows: number;
}

/** Secret is an application's secret: GET /api/apps/{id}/secret. */
export interface Secret {
  secret: string;
}

/** Problem is the body of every answer that is not a success. */
export interface Problem {
  /** Code is stable and made for programs: not_found, bad_request, conflict, too_large, foreign_host,
   * foreign_origin, token_needed … */
  code: string;
  /** Message is a sentence for a person: what happened and what to do. */
  message: string;
}
