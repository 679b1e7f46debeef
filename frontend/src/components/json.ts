// A payload as coloured text. Text only: nothing here ever becomes HTML.

export type TokenKind = 'key' | 'string' | 'number' | 'word' | 'mark';

export interface Token {
  kind: TokenKind;
  text: string;
}

const lexeme = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

/**
 * Lays a payload out in lines of two spaces; undefined when it is not JSON. A string that itself holds an object or a
 * list, which is how the protocol carries data, is opened once. Numbers stay as they were written: parsing them would
 * change those that JavaScript cannot hold. Escapes in strings are resolved as far as they can be read.
 */
export function layOut(data: string): Token[] | undefined {
  const value = parse(data);
  if (value === undefined) return undefined;
  if (typeof value === 'string') {
    const inner = parse(value);
    if (typeof inner === 'object' && inner !== null) return tokens(value);
  }
  return tokens(data);
}

/** The text of tokens. */
export function textOf(parts: Token[]): string {
  return parts.map((t) => t.text).join('');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** json is valid. */
function tokens(json: string): Token[] {
  const out: Token[] = [];
  const all = json.match(lexeme) ?? [];
  let depth = 0;
  const mark = (text: string) => out.push({ kind: 'mark', text });
  const line = () => `\n${'  '.repeat(depth)}`;
  all.forEach((text, i) => {
    const next = all[i + 1];
    switch (text) {
      case '{':
      case '[':
        if (next === '}' || next === ']') mark(text);
        else {
          depth++;
          mark(text + line());
        }
        break;
      case '}':
      case ']': {
        const before = all[i - 1];
        if (before === '{' || before === '[') mark(text);
        else {
          depth--;
          mark(line() + text);
        }
        break;
      }
      case ',':
        mark(`,${line()}`);
        break;
      case ':':
        mark(': ');
        break;
      default:
        if (text.startsWith('"')) out.push({ kind: next === ':' ? 'key' : 'string', text: JSON.stringify(JSON.parse(text)) });
        else out.push({ kind: /^[tfn]/.test(text) ? 'word' : 'number', text });
    }
  });
  return out;
}
