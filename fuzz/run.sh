#!/usr/bin/env bash
# Builds every fuzz target and runs each for some seconds from its committed seeds. One line for each: ok or FAILED.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
seconds=${1:-60}
# libFuzzer's instrumentation needs unstable compiler flags; the pinned toolchain allows them under this variable.
export RUSTC_BOOTSTRAP=1
failed=0
for source in fuzz_targets/*.rs; do
  target=$(basename "$source" .rs)
  mkdir -p "corpus/$target"
  if cargo fuzz run --sanitizer none "$target" "corpus/$target" "seeds/$target" -- -max_total_time="$seconds" -rss_limit_mb=4096 >"target-$target.log" 2>&1; then
    echo "ok $target"; rm -f "target-$target.log"
  else
    echo "FAILED $target"; tail -30 "target-$target.log"; failed=1
  fi
done
exit $failed
