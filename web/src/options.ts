// The options of a check as core takes them. Unset means core's own default.

export interface CheckOptions {
  max_tokens?: number;
  /** As `--map` takes it: instruction=question,output=reply. */
  mapping?: string;
}
