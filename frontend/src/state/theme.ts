// The system's theme unless the person chose one.

export type Theme = 'system' | 'light' | 'dark';

const key = 'echolab.theme';
const order: Theme[] = ['system', 'light', 'dark'];

export function theme(): Theme {
  const kept = recall(key);
  return order.find((t) => t === kept) ?? 'system';
}

export function applyTheme(next: Theme = theme()): void {
  if (next === 'system') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = next;
  remember(key, next);
}

export function nextTheme(): Theme {
  const next = order[(order.indexOf(theme()) + 1) % order.length] ?? 'system';
  applyTheme(next);
  return next;
}

/** Storage can be switched off in a browser; the page works without. */
export function recall(name: string): string {
  try {
    return localStorage.getItem(name) ?? '';
  } catch {
    return '';
  }
}

export function remember(name: string, value: string): void {
  try {
    localStorage.setItem(name, value);
  } catch {
    /* nothing is remembered then */
  }
}
