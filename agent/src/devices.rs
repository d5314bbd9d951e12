//! Which device trains, in which number type, and how much memory this process has used.

use anyhow::{Result, bail};
use clap::ValueEnum;
use foretune_engine::{DType, Device};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DeviceChoice {
    /// The GPU where there is one this program can use, else the CPU
    Auto,
    Cpu,
    Cuda,
}

/// bf16 on a GPU, f32 on the CPU.
pub fn open(choice: DeviceChoice) -> Result<(Device, DType)> {
    match choice {
        DeviceChoice::Cpu => Ok((Device::Cpu, DType::F32)),
        DeviceChoice::Cuda => match cuda() {
            Some(device) => Ok((device, DType::BF16)),
            None if cfg!(feature = "cuda") => {
                bail!("no CUDA device answers; see `nvidia-smi`, or use --device cpu")
            }
            None => {
                bail!("this program was built without CUDA; use --device cpu, or build with --features cuda")
            }
        },
        DeviceChoice::Auto => Ok(cuda().map_or((Device::Cpu, DType::F32), |device| (device, DType::BF16))),
    }
}

#[cfg(feature = "cuda")]
fn cuda() -> Option<Device> {
    Device::new_cuda(0).ok()
}

#[cfg(not(feature = "cuda"))]
fn cuda() -> Option<Device> {
    None
}

pub fn name(device: &Device) -> &'static str {
    if device.is_cpu() { "cpu" } else { "cuda" }
}

/// Largest resident size of this process so far, where the system tells.
pub fn peak_memory_bytes() -> Option<u64> {
    let status = crate::files::read_text(std::path::Path::new("/proc/self/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok()?.checked_mul(1024)
}
