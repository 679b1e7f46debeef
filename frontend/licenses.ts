// What others made and Echolab carries, with their notices: licenses.txt. The program's part is written by build/licenses
// (unbuilt/licenses.txt, served as it is without a built page); the build adds the page's.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'vite';

interface Package {
  name: string;
  version: string;
  license: string;
}

const root = dirname(fileURLToPath(import.meta.url));

/** Lists the packages of the modules that went into the page, and those whose fonts did. A package without a notice ends the build. */
export function licenses(): Plugin {
  return {
    name: 'licenses',
    apply: 'build',
    generateBundle() {
      const folders = new Set(fonts());
      for (const id of this.getModuleIds()) {
        const folder = /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id.replaceAll('\\', '/').replace(/^\0/, ''))?.[0];
        if (folder && existsSync(join(folder, 'package.json'))) folders.add(folder);
      }
      this.emitFile({ type: 'asset', fileName: 'licenses.txt', source: text([...folders]) });
    },
  };
}

/** Fonts are named by the style sheet alone and are no modules. */
function fonts(): string[] {
  const css = readFileSync(join(root, 'src/style/tokens.css'), 'utf8');
  return [...css.matchAll(/url\('(@fontsource\/[^/]+)\//g)].map((m) => join(root, 'node_modules', m[1] ?? ''));
}

function text(folders: string[]): string {
  const found = folders.map((folder) => ({ folder, about: about(folder) })).sort((a, b) => (a.about.name < b.about.name ? -1 : 1));
  const parts = found.map(({ folder, about: { name, version, license } }) => `${name} ${version} (${license})\n\n${notice(folder, name)}\n`);
  const program = readFileSync(join(root, 'unbuilt/licenses.txt'), 'utf8');
  return `${program}\n${parts.map((p) => `${'-'.repeat(40)}\n${p}`).join('\n')}`;
}

function about(folder: string): Package {
  const read: Partial<Package> = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return { name: read.name ?? folder, version: read.version ?? '', license: read.license ?? 'see below' };
}

function notice(folder: string, name: string): string {
  const file = readdirSync(folder).find((f) => /^licen[cs]e/i.test(f));
  if (!file) throw new Error(`${name} has no licence file in ${folder}: its notice must ship with the page`);
  return readFileSync(join(folder, file), 'utf8').trim();
}
