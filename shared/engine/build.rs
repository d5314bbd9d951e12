//! With the feature `cuda`: compiles the kernels to PTX, which the driver turns into the card's code.

use std::path::PathBuf;
use std::process::Command;

const SOURCE: &str = "src/ops/cuda/kernels.cu";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_FEATURE_CUDA").is_none() {
        return;
    }
    for name in ["CUDA_HOME", "CUDA_COMPUTE_CAP", "FORETUNE_NO_KERNELS"] {
        println!("cargo::rerun-if-env-changed={name}");
    }
    println!("cargo::rerun-if-changed={SOURCE}");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets it")).join("kernels.ptx");
    // Enough to check the types where there is no compiler for kernels.
    if std::env::var_os("FORETUNE_NO_KERNELS").is_some() {
        std::fs::write(&out, "").expect("cargo's own folder can be written");
        return;
    }
    let nvcc = std::env::var_os("CUDA_HOME")
        .map_or_else(|| PathBuf::from("nvcc"), |home| PathBuf::from(home).join("bin/nvcc"));
    // The oldest card with bf16; the driver compiles for newer ones.
    let capability = std::env::var("CUDA_COMPUTE_CAP").unwrap_or_else(|_| "80".into());
    let status = Command::new(&nvcc)
        .args(["-ptx", "-O3", "-std=c++17", &format!("-arch=compute_{capability}"), "-o"])
        .arg(&out)
        .arg(SOURCE)
        .status();
    match status {
        Ok(status) if status.success() => {}
        Ok(status) => panic!("{} ended with {status} on {SOURCE}", nvcc.display()),
        Err(error) => panic!("{}: {error}; the feature `cuda` needs NVIDIA's toolkit", nvcc.display()),
    }
}
