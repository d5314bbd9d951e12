#!/usr/bin/env bash
# One binary for machines with and without an NVIDIA GPU: it loads CUDA's libraries when it starts to use them
# instead of being linked to them. Copies of two dependencies are changed in target/, by one word each; nothing
# of them is committed.
#
#   agent/dist-cuda.sh          builds target/dist-cuda/release/foretune (needs no GPU; nvcc comes from PyPI)
#   agent/dist-cuda.sh --dev    the same in the development profile: quicker to build
#   agent/dist-cuda.sh --check  only checks that the CUDA code compiles: no nvcc, no kernels
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

only_check=no profile=release
[ "${1:-}" = --check ] && only_check=yes
[ "${1:-}" = --dev ] && profile=dev
work=$PWD/target/dist-cuda
patched=$work/patched-$([ "$only_check" = yes ] && echo check || echo build)
mkdir -p "$work"
cargo fetch --quiet
registry=$(dirname "$(ls -d "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/candle-core-0.11.1 | head -1)")

copy() { # crate folder
  cp -r "$registry/$1" "$patched/$1"
  chmod -R u+w "$patched/$1"
}
change() { # file, from, to: an unchanged file means another version of the crate
  grep -q "$2" "$1" || { echo "dist-cuda: $1 has no $2; the recipe is for another version" >&2; exit 2; }
  sed -i "s|$2|$3|" "$1"
}
make_copies() {
  rm -rf "$patched"
  mkdir -p "$patched"
  copy candle-core-0.11.1
  change "$patched/candle-core-0.11.1/Cargo.toml" '"dynamic-linking"' '"dynamic-loading"'
  copy candle-kernels-0.11.1
  local build=$patched/candle-kernels-0.11.1/build.rs
  if [ "$only_check" = yes ]; then
    # Empty kernels: enough for the types.
    local names
    names=$(cd "$patched/candle-kernels-0.11.1/src" && ls ./*.cu | sed 's|./||; s|\.cu$||' | grep -v '^m[om][eqv]' | tr '[:lower:]' '[:upper:]')
    {
      echo 'fn main() { let out = std::path::PathBuf::from(std::env::var("OUT_DIR").unwrap()); let mut text = String::new();'
      for name in $names; do echo "text.push_str(\"pub const $name: &str = \\\"\\\";\\n\");"; done
      echo 'std::fs::write(out.join("ptx.rs"), text).unwrap(); }'
    } >"$build"
  else
    change "$build" 'dylib=cudart' 'static=cudart_static");println!("cargo:rustc-link-lib=dl'
  fi
  cksum <agent/dist-cuda.sh >"$patched/made-by"
}
# Made anew they would be compiled anew, ten minutes of it: only where this recipe has changed.
cksum <agent/dist-cuda.sh | cmp -s - "$patched/made-by" || make_copies

if [ "$only_check" = yes ]; then
  export FORETUNE_NO_KERNELS=1
else
  if [ -z "${CUDA_HOME:-}" ]; then
    if [ ! -e "$work/venv/made" ]; then
      python3 -m venv "$work/venv"
      "$work/venv/bin/pip" install --quiet --no-deps nvidia-cuda-nvcc==13.0.88 nvidia-cuda-crt==13.0.88 nvidia-nvvm==13.0.88 \
        nvidia-cuda-runtime==13.0.96 nvidia-cuda-cccl==13.0.85
      touch "$work/venv/made"
    fi
    CUDA_HOME=$(echo "$work"/venv/lib/python3*/site-packages/nvidia/cu13)
  fi
  export CUDA_HOME PATH="$CUDA_HOME/bin:$PATH"
  for folder in "$CUDA_HOME"/lib "$CUDA_HOME"/lib64; do
    [ -e "$folder/libcudart_static.a" ] && export RUSTFLAGS="${RUSTFLAGS:+$RUSTFLAGS }-L native=$folder"
  done
fi
# sm_80 code is compiled for newer cards by the driver; 13.0 is what the driver must at least speak.
export CUDA_COMPUTE_CAP=${CUDA_COMPUTE_CAP:-80} CUDARC_CUDA_VERSION=13000

# The changed copies would be written into the lock file; it is put back.
cp Cargo.lock "$work/Cargo.lock"
trap 'cp "$work/Cargo.lock" Cargo.lock' EXIT
copies=(--config "patch.crates-io.candle-core.path='$patched/candle-core-0.11.1'" --config "patch.crates-io.candle-kernels.path='$patched/candle-kernels-0.11.1'")
if [ "$only_check" = yes ]; then
  cargo check --quiet -p foretune -p foretune-engine --features foretune/cuda --target-dir "$work" "${copies[@]}"
  echo "dist-cuda: the CUDA code compiles"
  exit
fi
cargo build --quiet --profile "$profile" -p foretune --features cuda --target-dir "$work" "${copies[@]}"
cargo build --quiet --profile "$profile" -p foretune-engine --features cuda --example bench_train --example gpu_kernels --example gpu_steps --target-dir "$work" "${copies[@]}"
binary=$work/${profile/dev/debug}/foretune
if ldd "$binary" | grep -iE 'cuda|cublas|curand|nvrtc'; then
  echo "dist-cuda: the binary is linked to CUDA" >&2
  exit 1
fi
# Here too, whether there is a GPU or not.
"$binary" --version
ls -l "$binary"
