#!/usr/bin/env bash
# What is given away, in target/dist: a Linux x86-64 binary with the page inside, the page for a static host, a
# Debian package, a container file, a list of what is in it, checksums.
#
#   agent/dist.sh                      builds for glibc 2.31 and newer (zig and cargo-zigbuild come from PyPI)
#   agent/dist.sh --native             builds with this machine's compiler: runs where glibc is as new as here
#   agent/dist.sh --binary FILE        packs this binary instead of building one, and the page that is in web/dist
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

glibc=2.31 how=zig binary=
while [ $# -gt 0 ]; do
  case $1 in
    --native) how=native ;;
    --binary) how=given binary=$2; shift ;;
    *) echo "dist: what is $1?" >&2; exit 2 ;;
  esac
  shift
done
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
commit=$(git rev-parse HEAD)
git diff --quiet HEAD -- || commit="$commit, changed"
# Files of an archive get the time of the commit: the same commit gives the same archive.
time=$(git log -1 --format=%ct)
out=target/dist
rm -rf "$out" && mkdir -p "$out"

[ "$how" = given ] || node web/build.mjs
export FORETUNE_COMMIT=$commit
case $how in
  zig)
    tools=target/zig
    [ -x "$tools/bin/cargo-zigbuild" ] || { python3 -m venv "$tools" && "$tools/bin/pip" install --quiet ziglang==0.15.1 cargo-zigbuild==0.20.1; }
    PATH="$PWD/$tools/bin:$PATH" cargo zigbuild --release --locked -p foretune --target "x86_64-unknown-linux-gnu.$glibc"
    binary=target/x86_64-unknown-linux-gnu/release/foretune ;;
  native)
    cargo build --release --locked -p foretune
    binary=target/release/foretune ;;
esac
install -m 755 "$binary" "$out/foretune"
# Symbols say nothing to a user; a panic still names its line.
strip --strip-all "$out/foretune"
# What it really asks for, not what it was meant to.
floor=$(objdump -T "$out/foretune" | grep -o 'GLIBC_[0-9.]*' | sed 's/GLIBC_//' | sort -uV | tail -1)
if [ "$how" = zig ] && [ "$(printf '%s\n' "$floor" "$glibc" | sort -V | tail -1)" != "$glibc" ]; then
  echo "dist: the binary asks for glibc $floor, promised was $glibc" >&2
  exit 1
fi
"$out/foretune" --version

pack() { # archive folder
  tar --sort=name --mtime="@$time" --owner=0 --group=0 --numeric-owner -C "$(dirname "$2")" -c "$(basename "$2")" | gzip -9n >"$1"
}
documents() { # folder: whatever the README leads to
  mkdir -p "$1/lab/predictors"
  cp README.md SECURITY.md CHANGELOG.md ARCHITECTURE.md CONTRIBUTING.md LICENSE-MIT LICENSE-APACHE "$1"
  cp -r docs "$1/docs"
  cp -r lab/README.md lab/checkpoints.csv lab/pictures "$1/lab"
  cp lab/predictors/*.html "$1/lab/predictors"
}
name=foretune-$version-x86_64-linux
folder=$out/stage/$name
mkdir -p "$folder"
cp "$out/foretune" "$folder"
documents "$folder"
pack "$out/$name.tar.gz" "$folder"
if [ -d web/dist ]; then
  cp -r web/dist "$out/stage/foretune-$version-site"
  pack "$out/foretune-$version-site.tar.gz" "$out/stage/foretune-$version-site"
else
  echo "dist: there is no page in web/dist, so no static site" >&2
fi

deb=$out/stage/deb
mkdir -p "$deb/DEBIAN" "$deb/usr/bin" "$deb/usr/share/doc/foretune"
cp "$out/foretune" "$deb/usr/bin"
documents "$deb/usr/share/doc/foretune"
cat >"$deb/usr/share/doc/foretune/copyright" <<EOF
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Files: *
License: MIT or Apache-2.0
EOF
cat LICENSE-MIT >>"$deb/usr/share/doc/foretune/copyright"
cat >"$deb/DEBIAN/control" <<EOF
Package: foretune
Version: $version
Architecture: amd64
Maintainer: The Foretune authors <foretune@example.org>
Installed-Size: $(du -sk "$deb/usr" | cut -f1)
Depends: libc6 (>= $floor), libgcc-s1
Section: science
Priority: optional
Description: Know how a fine-tune will end before you pay for it
 Checks and describes fine-tuning datasets, probes base models and forecasts
 how a run will end; a local daemon carries the page. Nothing is uploaded.
EOF
SOURCE_DATE_EPOCH=$time dpkg-deb --root-owner-group -Zxz --build "$deb" "$out/foretune_${version}_amd64.deb" >/dev/null

# The daemon listens on the loopback address alone, so serving from a container takes the host's network.
cat >"$out/Containerfile" <<EOF
# podman build -t foretune . && podman run --rm -v "\$PWD:/data" foretune check train.jsonl
# podman run --rm -it --network=host -v foretune:/state foretune serve --state /state
FROM debian:bookworm-slim
COPY foretune /usr/local/bin/foretune
RUN useradd --create-home foretune && mkdir /state && chown foretune /state
USER foretune
WORKDIR /data
ENTRYPOINT ["foretune"]
EOF
python3 agent/sbom.py >"$out/foretune-$version.cdx.json"
rm -rf "$out/stage"
(cd "$out" && sha256sum -- * >SHA256SUMS)
ls -l "$out"
echo "dist: foretune $version, glibc $floor or newer"
