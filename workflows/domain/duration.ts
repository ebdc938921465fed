/**
 * Owns how durations are written and read: "500ms", "90d", "1h30m". Everywhere else they are
 * milliseconds.
 */

const units = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000, ms: 1 } as const;

// Largest unit first and each at most once, so that a duration is read the way it is said.
const written = /^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+)s)?(?:(\d+)ms)?$/;

/**
 * Crossing this a duration is a slip of the keyboard, and sums of a few would leave the range of
 * dates.
 */
const longest = 3650 * units.d;

/**
 * Milliseconds; throws a RangeError that says what is right and never repeats the text, which may
 * be anything.
 */
export function parseDuration(text: string): number {
  const parts = text === '' ? null : written.exec(text);
  if (!parts) throw new RangeError('expected a duration such as "500ms", "5m", "1h30m" or "90d"');
  const sizes = Object.values(units);
  const total = parts.slice(1).reduce((sum, amount, unit) => sum + Number(amount ?? 0) * sizes[unit]!, 0);
  if (total > longest) throw new RangeError(`expected a duration of at most ${formatDuration(longest)}`);
  return total;
}

/**
 * The shortest text that `parseDuration` reads back as the same number; parts of a millisecond are
 * rounded away.
 */
export function formatDuration(ms: number): string {
  let rest = Math.round(ms);
  if (rest <= 0) return '0s';
  let text = '';
  for (const [unit, size] of Object.entries(units)) {
    const amount = Math.floor(rest / size);
    if (amount > 0) text += `${amount}${unit}`;
    rest -= amount * size;
  }
  return text;
}
