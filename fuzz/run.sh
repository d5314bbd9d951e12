#!/usr/bin/env bash
# Builds every fuzz target and runs each for some seconds from its committed seeds, eight at a time: the time is the clock's.
# The second argument seeds the mutations (0 draws them anew): with the one that CI has, a change is judged by what it changed.
# One line for each: ok or FAILED, then the end of its log and the input that did it.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
export SECONDS_EACH=${1:-60} SEED=${2:-1}
# libFuzzer's instrumentation needs unstable compiler flags; the pinned toolchain allows them under this variable.
export RUSTC_BOOTSTRAP=1
# cargo-fuzz asks for one unit a crate, with which the Parquet reader alone takes minutes; the last one counts.
export RUSTFLAGS="${RUSTFLAGS:-} -Ccodegen-units=16"

cargo fuzz build --sanitizer none || { echo "FAILED build"; exit 1; }

fuzz_target() {
  local target=$1 log="target-$1.log" seeds="seeds/$1"
  # Their seeds are the models that the tests read.
  [[ "$target" =~ ^(onnx|second_engine)$ ]] && seeds=../tests/onnx/fixtures
  mkdir -p "corpus/$target" "artifacts/$target"
  if "target/$(rustc -vV | sed -n 's/^host: //p')/release/$target" -max_total_time="$SECONDS_EACH" -seed="$SEED" -rss_limit_mb=4096 \
    -artifact_prefix="artifacts/$target/" "corpus/$target" "$seeds" >"$log" 2>&1; then
    echo "ok $target, $(sed -n 's/^Done \([0-9]*\) runs.*/\1 inputs/p' "$log")"
    rm -f "$log"
  else
    echo "FAILED $target"
    tail -30 "$log"
    return 1
  fi
}
export -f fuzz_target

find fuzz_targets -name '*.rs' -exec basename -s .rs {} + | sort | xargs -n 1 -P 8 bash -c 'fuzz_target "$0"'
