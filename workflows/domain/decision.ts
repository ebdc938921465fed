/** Owns the shape of an answer: yes, or a stable reason and a text for people. */

export type Decision<Reason extends string> =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: Reason; readonly message: string };

export const yes = { ok: true } as const;

export function no<Reason extends string>(
  reason: Reason,
  message: string,
): { readonly ok: false; readonly reason: Reason; readonly message: string } {
  return { ok: false, reason, message };
}
