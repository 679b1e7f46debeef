// Characters that cannot be seen, or that turn the text around them, shown as their code: whoever names a channel must
// not be able to make it look like another.

/** A piece of text: as it is, or the code of a character that is shown in its place. */
export interface Piece {
  text: string;
  code: boolean;
}

// Control characters, format characters (bidirectional marks and overrides, zero-width ones, tags), line and paragraph
// separators, blanks that are not the space bar's, letters that are blank, halves of characters.
const unseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\u00a0\u115f\u1160\u1680\u2000-\u200a\u202f\u205f\u2800\u3164\uffa0]/u;

// Within an emoji the zero-width joiner and the tags of a flag are part of what is seen.
const emoji = /\p{Extended_Pictographic}[\ufe0f\u{1f3fb}-\u{1f3ff}]?(?:\u200d\p{Extended_Pictographic}[\ufe0f\u{1f3fb}-\u{1f3ff}]?)+|\u{1f3f4}[\u{e0061}-\u{e007a}]+\u{e007f}/u;

const either = new RegExp(`(${emoji.source})|${unseen.source}`, 'gu');

/** Takes text apart where something in it cannot be seen. Joined, the pieces without a code are the text. */
export function pieces(text: string): Piece[] {
  if (!unseen.test(text)) return text === '' ? [] : [{ text, code: false }];
  const out: Piece[] = [];
  let from = 0;
  for (const found of text.matchAll(either)) {
    if (found[1] !== undefined) continue;
    if (found.index > from) out.push({ text: text.slice(from, found.index), code: false });
    out.push({ text: codeOf(found[0]), code: true });
    from = found.index + found[0].length;
  }
  if (from < text.length) out.push({ text: text.slice(from), code: false });
  return out;
}

/** The same for places that hold nothing but text, such as tooltips: ‹202E›. */
export function visible(text: string): string {
  return pieces(text)
    .map((p) => (p.code ? `‹${p.text}›` : p.text))
    .join('');
}

/** A payload's text, which may have lines, and joiners of its language: codes only for what controls or turns text. */
export function readable(text: string): string {
  return text.replace(/[\u202a-\u202e\u2066-\u2069]|(?![\t\n\r])\p{Cc}/gu, visible);
}

/** The beginning of a text, never half a character. */
export function cut(text: string, n: number): string {
  if (text.length <= n) return text;
  return text.slice(0, /[\ud800-\udbff]/.test(text.charAt(n - 1)) ? n - 1 : n);
}

function codeOf(character: string): string {
  return (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
}
