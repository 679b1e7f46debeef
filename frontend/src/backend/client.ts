// The only code that knows fetch. Relative addresses: the same page runs in a browser and in the desktop window.
import type { Diagnosis, Entries, Entry, Feed, Problem, Secret, Status } from './types';

/** The server answered, and the answer is no. */
export class Refused extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, problem: Problem) {
    super(problem.message);
    this.status = status;
    this.code = problem.code;
  }
}

/** Nobody answered: the server is stopping, stopped or out of reach. */
export class Away extends Error {}

async function get<T>(path: string, init: RequestInit = {}): Promise<T> {
  let res: Response;
  try {
    res = await fetch(path, { ...init, headers: { Accept: 'application/json', ...init.headers } });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new Away('no answer');
  }
  let body: unknown;
  try {
    body = await res.json();
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new Away(`the answer (${res.status}) is not from Echolab`);
  }
  if (res.ok) return body as T;
  const problem: Problem = isProblem(body) ? body : { code: 'unknown', message: `Status ${res.status} without a reason.` };
  if (problem.code === 'stopping') throw new Away('the server is stopping');
  throw new Refused(res.status, problem);
}

function isProblem(v: unknown): v is Problem {
  return typeof v === 'object' && v !== null && 'code' in v && 'message' in v;
}

function query(values: Record<string, string | number | undefined>): string {
  const q = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) if (value !== undefined && value !== '') q.set(name, String(value));
  return q.size ? `?${q}` : '';
}

/** One function a route; see app/api/api.go. */
export const client = {
  status: (signal?: AbortSignal) => get<Status>('/api/status', { signal: signal ?? null }),

  feed: (after: number | undefined, wait: string, signal?: AbortSignal) =>
    get<Feed>(`/api/feed${query({ after, wait })}`, { signal: signal ?? null }),

  entries: (before: number, limit: number) => get<Entries>(`/api/events${query({ before, limit })}`),

  entry: (seq: number, signal?: AbortSignal) => get<Entry>(`/api/events/${seq}`, { signal: signal ?? null }),

  diagnosis: (seq: number, signal?: AbortSignal) => get<Diagnosis>(`/api/events/${seq}/diagnosis`, { signal: signal ?? null }),

  secret: async (app: string) =>
    (await get<Secret>(`/api/apps/${encodeURIComponent(app)}/secret`, { headers: { 'X-Echolab-Page': '1' } })).secret,
};

/** What others made and the page carries, with their notices: written when the page is built, see licenses.ts. */
export async function licenses(): Promise<string> {
  const res = await fetch('/licenses.txt');
  if (!res.ok) throw new Refused(res.status, { code: 'not_found', message: 'The notices are part of the built page only.' });
  return res.text();
}

export type Client = typeof client;
