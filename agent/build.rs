//! Embeds the built page (`web/dist`) into the binary as one table. Without a built page the table is
//! empty and the server says how to build it.
#![expect(clippy::disallowed_methods, reason = "a build script has no use for the agent's I/O module")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../web/dist");
    println!("cargo::rerun-if-changed={}", root.display());
    let mut files = Vec::new();
    collect(&root, &root, &mut files);
    files.sort();
    let mut table = String::from("pub static FILES: &[(&str, &[u8])] = &[\n");
    for (name, path) in files {
        println!("cargo::rerun-if-changed={}", path.display());
        writeln!(table, "    ({name:?}, include_bytes!({:?})),", path.display().to_string())
            .expect("writing to a string");
    }
    table.push_str("];\n");
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it")).join("page_files.rs");
    fs::write(out, table).expect("OUT_DIR can be written");
    library_versions();
}

/// Run records name the libraries that decide their bits.
fn library_versions() {
    let lock = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../Cargo.lock");
    println!("cargo::rerun-if-changed={}", lock.display());
    let text = fs::read_to_string(lock).unwrap_or_default();
    for (name, variable) in [("candle-core", "FORETUNE_CANDLE"), ("gemm", "FORETUNE_GEMM")] {
        let after = text.split_once(&format!("name = \"{name}\"\nversion = \"")).map(|(_, after)| after);
        let version = after.and_then(|after| after.split_once('"')).map_or("unknown", |(version, _)| version);
        println!("cargo::rustc-env={variable}={version}");
    }
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<(String, PathBuf)>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(root, &path, files);
        } else if let (Ok(relative), Ok(absolute)) = (path.strip_prefix(root), path.canonicalize()) {
            files.push((relative.to_string_lossy().replace('\\', "/"), absolute));
        }
    }
}
