// The fixes that core can make to a file, in the page's words, and what they change.

export type Fixes = Record<string, boolean>;

/** Core's fixes by name; chosen beforehand are those that the command line calls safe. */
export const FIXES: readonly (readonly [name: string, label: string, chosen: boolean])[] = [
  ["drop_broken_rows", "Leave out rows without a known shape", true],
  ["drop_exact_duplicates", "Leave out exact copies", true],
  ["drop_empty_answers", "Leave out rows with nothing to learn", true],
  ["drop_refusals", "Leave out refusals", true],
  ["drop_over_max_tokens", "Leave out rows over the longest length", true],
  ["strip_special_tokens", "Remove special tokens from texts", true],
  ["strip_control_characters", "Remove control characters", true],
  ["fix_mojibake", "Repair damaged characters", true],
  ["normalise_roles", "Use the usual names of roles", true],
  ["mask_personal_data", "Mask personal data", false],
  ["mask_secrets", "Mask keys and passwords", true],
];

export interface ChangeCount {
  rows: number;
  listed_rows: number[];
}

export interface ChangeList {
  rows_read: number;
  rows_written: number;
  rows_changed: number;
  dropped: Record<string, ChangeCount>;
  fixed: Record<string, ChangeCount>;
}
