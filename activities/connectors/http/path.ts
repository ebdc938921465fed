/** Owns how foreign values enter an address. */

/** A path with every value encoded as one segment: an id can never lead to another address. */
export function path(parts: TemplateStringsArray, ...values: readonly string[]): string {
  return String.raw({ raw: parts }, ...values.map(segment));
}

function segment(value: string): string {
  // `new URL` would resolve these away, and a call would go to the collection instead of to one of
  // its members.
  if (value === '' || value === '.' || value === '..') throw new TypeError(`"${value}" cannot stand in a path`);
  return encodeURIComponent(value);
}
