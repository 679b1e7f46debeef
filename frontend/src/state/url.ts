// The address holds what the page shows: application, filter, search, selection. Reload and share keep them.

export interface ViewState {
  /** Application id; empty is all. */
  app: string;
  show: 'all' | 'events';
  q: string;
  /** Number of the selected entry; 0 is none. */
  entry: number;
}

export function readURL(search: string): ViewState {
  const q = new URLSearchParams(search);
  const entry = Number(q.get('entry'));
  return {
    app: q.get('app') ?? '',
    show: q.get('show') === 'events' ? 'events' : 'all',
    q: q.get('q') ?? '',
    entry: Number.isSafeInteger(entry) && entry > 0 ? entry : 0,
  };
}

/** The query of an address, leaving out what is as usual; begins with ? or is empty. */
export function writeURL(s: ViewState): string {
  const q = new URLSearchParams();
  if (s.app) q.set('app', s.app);
  if (s.show !== 'all') q.set('show', s.show);
  if (s.q) q.set('q', s.q);
  if (s.entry) q.set('entry', String(s.entry));
  return q.size ? `?${q}` : '';
}
