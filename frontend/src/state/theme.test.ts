import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { applyTheme, nextTheme, recall, remember, theme } from './theme';

const chosen = () => document.documentElement.dataset['theme'];

describe('theme', () => {
  beforeEach(() => localStorage.clear());
  afterEach(() => vi.unstubAllGlobals());

  it('is the system’s until one is chosen, and goes round', () => {
    applyTheme();
    expect([theme(), chosen()]).toEqual(['system', undefined]);
    expect([nextTheme(), theme(), chosen()]).toEqual(['light', 'light', 'light']);
    expect([nextTheme(), theme(), chosen()]).toEqual(['dark', 'dark', 'dark']);
    expect([nextTheme(), theme(), chosen()]).toEqual(['system', 'system', undefined]);
  });

  it('is what was chosen last time', () => {
    remember('echolab.theme', 'dark');
    applyTheme();
    expect(chosen()).toBe('dark');
    remember('echolab.theme', 'pink');
    expect(theme()).toBe('system');
  });

  it('works where nothing can be remembered', () => {
    const closed = () => {
      throw new Error('storage is off');
    };
    vi.stubGlobal('localStorage', { getItem: closed, setItem: closed });
    remember('a', 'b');
    expect(recall('a')).toBe('');
    expect(theme()).toBe('system');
    applyTheme('light');
    expect(chosen()).toBe('light');
  });
});
