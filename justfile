# Everything a developer does, as recipes. `./dev run` and `./dev test` install what is missing first.

set shell := ["bash", "-euo", "pipefail", "-c"]

# Stands in card and report; the page shows it.
lab_note := quote("Fine-tunes of Foretune's bundled 0.6-million-parameter model on 96 tasks; no larger model is among them.")

export PATH := env("CARGO_HOME", env("HOME") / ".cargo") / "bin:" + env("PATH")

_default:
    @just --list --unsorted

# Build the page and the binary quickly, start the product on 127.0.0.1 (`just build` makes the release)
run *arguments:
    node web/build.mjs --dev
    cargo build --workspace --quiet
    target/debug/foretune serve {{arguments}}

# Build the page into web/dist (skips what has not changed)
page *arguments:
    node web/build.mjs {{arguments}}

# Build the release binary with the page inside
build: page
    cargo build --release -p foretune

# Every suite, or those named; the last line counts all tests
test *suites:
    python3 tests/suites.py {{suites}}

# Formatting
format-check:
    cargo fmt --all --check

# Lints, native and wasm
lint:
    cargo clippy --workspace --all-targets --quiet -- -D warnings
    cargo clippy -p foretune-wasm --target wasm32-unknown-unknown --quiet -- -D warnings
    cargo clippy -p foretune-wasm --no-default-features --features proxy --target wasm32-unknown-unknown --quiet -- -D warnings

# All native tests
test-native:
    cargo build --workspace
    cargo test --workspace --no-fail-fast
    cargo test --workspace --bin foretune --features foretune/interleavings interleavings

# The page in real Chromium
test-browser: page
    cargo build --workspace
    cargo build --quiet --workspace --example synthetic_runs
    node --test tests/browser/*.test.mjs

# Make the pictures of the README anew
pictures: page
    node tests/browser/pictures.mjs

# The bundled model's probe as WebAssembly in a worker, against the command line's trace
test-proxy:
    cargo build --workspace
    node --test tests/proxy/*.test.mjs

# Build every fuzz target and run each for a while (seconds), from the same draws each time (seed; 0 draws anew)
fuzz seconds="60" seed="1":
    bash fuzz/run.sh {{seconds}} {{seed}}

# An hour of processor time for each fuzz target, in slices: interrupt it and go on later (see fuzz/hour.py --help)
fuzz-hour *arguments:
    python3 fuzz/hour.py {{arguments}}

# Queue and log of the daemon under so many drawn orders of their threads (each of three tests)
interleavings orders="2000":
    FORETUNE_ORDERS={{orders}} cargo test --workspace --bin foretune --features foretune/interleavings interleavings

# Kill probes, collectors and daemons with -9 at every named point and at random moments, so many times
crash times="500" seed="1" *part:
    cargo build --workspace
    cargo build --workspace --example crash
    target/debug/examples/crash {{times}} {{seed}} {{part}}

# Full disk, read-only folder, a clock that jumps back, two daemons on one folder: for real (Linux, as root)
faults:
    cargo build --workspace
    python3 tests/bench/faults.py

# Two hundred clients on one job and a thousand connections a minute (needs a Python with websockets)
load python="python3" *arguments:
    cargo build --workspace
    {{python}} tests/bench/load.py {{arguments}}

# Autobahn's fuzzing client against the socket (needs its program wstest, see the script)
autobahn wstest *arguments:
    cargo build --workspace
    python3 tests/bench/autobahn.py {{wstest}} {{arguments}}

# Licences, advisories and duplicate versions, native and wasm together (needs cargo-deny)
deny:
    cargo deny check

# What binary and page are made of, as CycloneDX
sbom:
    python3 agent/sbom.py

# Build the page in two fresh copies and compare every file (--dev --only report for a quick look, --against FOLDER with one that is there)
page-twice *arguments:
    node web/twice.mjs {{arguments}}

# Binary, static site, Debian package, container file and checksums in target/dist (add --native, or --binary FILE)
dist *arguments:
    agent/dist.sh {{arguments}}

# Write the reference documents that come from code
docs:
    cargo run --quiet -p foretune -- dev docs docs

# Speed and memory of the check, beside a Python script that counts the same (add --skip-peer, --megabytes 2000)
bench-check *arguments:
    cargo build --release --quiet -p foretune
    python3 tests/bench/check.py {{arguments}}

# Speed and memory of the page on a large file beside the native check on one thread
bench-page megabytes="199" workers="1": page
    cargo build --release --quiet -p foretune
    node tests/browser/bench/large-file.mjs {{megabytes}} {{workers}}

# What ten watching clients cost a probe, and how long a step is on its way (needs a Python with websockets)
bench-live python="python3" *arguments:
    cargo build --release --quiet -p foretune
    {{python}} tests/bench/live.py {{arguments}}

# How the page follows a probe: opening, a step's way to the screen, memory over an hour's steps
bench-follow steps="7200": page
    cargo build --quiet -p foretune
    node tests/browser/bench/live.mjs {{steps}}

# Make the ONNX fixtures again and compare with onnxruntime and the makers (needs a Python with the packages the script names)
onnx-fixtures python="python3":
    cargo build --quiet -p foretune-tests --example onnx_tool
    {{python}} tests/onnx/make_fixtures.py

# The shipped predictors beside the standard's checker and onnxruntime (same Python)
onnx-shipped python="python3":
    cargo build --quiet -p foretune-tests --example onnx_tool
    {{python}} tests/onnx/check_predictor.py lab/predictors/*.onnx

# Speed and exactness of TreeSHAP beside the `shap` package's C code in the same run
bench-shap python="python3":
    cargo build --release --quiet -p foretune-tests --example onnx_tool
    {{python}} tests/onnx/check_shap.py --release

# Time of a row by the exact reader and by the second engine in the same run
bench-engines *files="lab/predictors/tiny-exact-match.onnx tests/onnx/fixtures/foretune_1.onnx tests/onnx/fixtures/lightgbm.onnx":
    cargo run --release --quiet -p foretune-tract --example bench_engines -- {{files}}

# The three tables of docs/benchmarks-choosing.md, from the public data beside the checkout
bench-choosing data="../shared/data/benchmarks":
    cargo build --release --quiet -p foretune
    target/release/foretune rank curves {{data}}/rectified-scaling/{flan,gigaword}.csv --target 1638400 --benchmark
    target/release/foretune rank checkpoints {{data}}/checkpoints/pretraining_indicators_50.csv --target sft_cms,sft_rag,sft_cbqa --benchmark --splits 0..20 --cycle learning_rate=0.0001,0.00025,0.0005,0.00075,0.001:35
    target/release/foretune scale {{data}}/pythia/pythia_evals.csv --small 70m,160m,410m,1b,1.4b --target 6.9b,12b --where 'shots=0|5' --where metric=acc --benchmark

# Pipeline check (not a result): our fit beside LightGBM with the TuneAhead settings on their sample table
pipeline-check python="python3":
    cargo build --release --quiet -p foretune-tests --example fit_tool
    {{python}} tests/pipeline/check.py --release

# Make the engine's reference values again with transformers and PEFT, hold the engine against them, and load an
# adapter made here in PEFT (needs a Python with tests/parity/requirements.txt)
parity python="python3":
    rm -rf target/parity
    OMP_NUM_THREADS=1 {{python}} tests/parity/make_fixtures.py target/parity
    FORETUNE_PARITY_FIXTURES="$PWD/target/parity" cargo test -p foretune-engine --test parity
    cargo build --quiet -p foretune
    {{python}} tests/parity/adapter_round_trip.py target/debug/foretune

# Training speed and memory beside PyTorch and PEFT in the same run (needs a Python with tests/parity/requirements.txt)
bench-engine python="python3" *arguments:
    cargo build --quiet -p foretune-engine --example bench_train
    python3 tests/bench/engine.py --peer {{python}} {{arguments}}

# Speed of the bundled model's probe in Chromium and node beside native
bench-proxy:
    cargo build --quiet -p foretune
    node tests/bench/proxy.mjs

# Tables and pictures of lab/README.md, from the recorded runs
lab-pictures:
    python3 lab/describe.py lab/runs/main/runs.jsonl.gz lab/runs/unseen/runs.jsonl.gz --out lab/pictures

# Make the tasks of lab/sweeps/more.toml from published word lists and the data beside the checkout (half a minute)
lab-more-tasks:
    python3 lab/more-tasks/make.py

# Fit the predictors of lab/predictors anew on the lab's runs (more than half an hour of processor time each)
shipped-predictor:
    cargo build --release --quiet -p foretune
    target/release/foretune fit lab/runs --beside lab/other-models --compare --out lab/predictors/tiny-exact-match.onnx --report lab/predictors/tiny-exact-match.html --note {{lab_note}}
    target/release/foretune fit lab/runs --beside lab/other-models --compare --target p-gold --out target/tiny-p-gold.onnx --report lab/predictors/tiny-p-gold.html --note {{lab_note}}

# How far forecasts carry to base models that nothing was learnt from: from one size of the lab to the two others, from two to the third
lab-transfer:
    cargo build --release --quiet -p foretune
    target/release/foretune fit lab/runs --beside lab/other-models --transfer lab/other-models --out target/one-size.onnx --report target/one-size.html
    target/release/foretune fit lab/runs lab/other-models/main-base-small lab/other-models/unseen-base-small --beside lab/other-models --transfer lab/other-models/unseen-base-large --transfer lab/other-models/main-base-large --out target/two-sizes.onnx --report target/two-sizes.html

# The largest of the lab's three sizes from the others, row by row
lab-scale:
    cargo build --release --quiet -p foretune
    python3 lab/sizes.py lab/reference/runs.jsonl.gz > target/sizes.csv
    target/release/foretune scale target/sizes.csv --small base-small,base --target base-large --tokens-per-step 1000 --benchmark

# What came of the predictor's advice on bad runs of the lab, from the recorded runs
lab-advice:
    python3 lab/advice.py lab/advice/promises.csv --before lab/runs/main/runs.jsonl.gz --after lab/advice/runs/runs.jsonl.gz

# One binary that uses an NVIDIA GPU where there is one and starts without (--check: only whether it compiles)
dist-cuda *arguments:
    agent/dist-cuda.sh {{arguments}}

# On a machine with an NVIDIA GPU, after `just dist-cuda`: self-test, agreement with the CPU, a 7B shape's speed and memory (add --peer PYTHON)
gpu-check *arguments:
    python3 tests/bench/gpu_check.py {{arguments}}
