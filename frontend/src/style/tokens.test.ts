import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const css = readFileSync('src/style/tokens.css', 'utf8');
const tokens = Object.fromEntries([...css.matchAll(/--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)/g)].map(([, name, light, dark]) => [name, { light, dark }]));

function luminance(hex = ''): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const c = parseInt(hex.slice(at, at + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a?: string, b?: string): number {
  const [dark = 0, light = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (light + 0.05) / (dark + 0.05);
}

describe('contrast', () => {
  const grounds = ['bg-0', 'bg-1', 'bg-2'];
  const rows: [string, string[], number][] = [
    ...['text', 'text-2', 'text-3', 'accent', 'amber', 'red', 'private', 'presence', 'encrypted'].map((t): [string, string[], number] => [t, grounds, 4.5]),
    ...['text', 'text-2', 'text-3', 'amber', 'red'].map((t): [string, string[], number] => [t, ['selected'], 4.5]),
    ...['json-key', 'json-string', 'json-number', 'json-word'].map((t): [string, string[], number] => [t, ['bg-1'], 7]),
    ['on-accent', ['accent'], 4.5],
  ];
  it.each(rows)('%s on %s is at least %s', (text, on, least) => {
    for (const ground of on)
      for (const theme of ['light', 'dark'] as const)
        expect(contrast(tokens[text]?.[theme], tokens[ground]?.[theme]), `${text} on ${ground}, ${theme}`).toBeGreaterThanOrEqual(least);
  });
});
