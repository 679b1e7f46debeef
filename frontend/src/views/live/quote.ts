// Values put into text that something else reads: a .env, a shell, an address, a script. Each reader has one function.

/**
 * A value as Laravel reads it from a .env (phpdotenv, then env()), on one line: bare where nothing in it means anything,
 * else in double quotes with \ " and $ escaped.
 */
export function envValue(value: string): string {
  const inner = changedByEnv(value) ? `"${value}"` : value;
  if (/^[\p{L}\p{N}_.:/@%+,=~^•-]+$/u.test(inner)) return inner;
  const escaped = inner.replace(/[\\"$]/g, '\\$&').replace(/[\n\r\t\v\f]/g, (c) => envEscapes[c] ?? c);
  return `"${escaped}"`;
}

const envEscapes: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\v': '\\v', '\f': '\\f' };

// env() makes values of some words even in quotes, and takes one pair of quotes off whatever is in one (Laravel's
// Illuminate/Support/Env.php). Another pair keeps both as they are.
function changedByEnv(value: string): boolean {
  return /^(true|false|null|empty|\((true|false|null|empty)\))$/i.test(value) || /^(["'])[^\n]*\1$/.test(value);
}

/** One word of a POSIX shell: bare where that is safe, else in single quotes, in which nothing is special but the quote. */
export function shellWord(value: string): string {
  if (/^[\w./:,@%+][\w./:,@%+=-]*$/.test(value)) return value;
  return `'${value.replaceAll("'", `'\\''`)}'`;
}

/** One segment of a path, or one value of a query. */
export function urlPart(value: string): string {
  return encodeURIComponent(value);
}

/** A string of a script, in single quotes. */
export function scriptString(value: string): string {
  const escaped = JSON.stringify(value).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'");
  return `'${escaped.replace(/[<\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)}'`;
}
