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

/// A machine without the driver's library panics inside the CUDA bindings instead of returning an error.
#[cfg(feature = "cuda")]
fn cuda() -> Option<Device> {
    let told = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let found = std::panic::catch_unwind(|| foretune_engine::open_gpu(0).ok()).ok().flatten();
    std::panic::set_hook(told);
    found
}

#[cfg(not(feature = "cuda"))]
fn cuda() -> Option<Device> {
    None
}

pub fn name(device: &Device) -> &'static str {
    if device.is_cpu() { "cpu" } else { "cuda" }
}

/// What decides the bits of a result besides the program: kind of device, processor, its widest instructions.
pub fn kind(device: &Device) -> String {
    if !device.is_cpu() {
        return name(device).to_owned();
    }
    let text = crate::files::read_text(std::path::Path::new("/proc/cpuinfo")).unwrap_or_default();
    let field = |wanted: &str| {
        let line = text.lines().find(|line| line.split(':').next().is_some_and(|key| key.trim() == wanted));
        line.and_then(|line| line.split_once(':')).map_or("?", |(_, value)| value.trim())
    };
    format!(
        "cpu {} {}, family {} model {} stepping {}, cache {}, {}",
        std::env::consts::ARCH,
        field("model name"),
        field("cpu family"),
        field("model"),
        field("stepping"),
        field("cache size"),
        instructions()
    )
}

#[cfg(target_arch = "x86_64")]
pub fn instructions() -> &'static str {
    if std::arch::is_x86_feature_detected!("avx512f") {
        "avx512f"
    } else if std::arch::is_x86_feature_detected!("avx2") {
        "avx2"
    } else {
        "no avx2"
    }
}

#[cfg(not(target_arch = "x86_64"))]
pub fn instructions() -> &'static str {
    "?"
}

/// Processor time of this process so far, all threads, where the system tells.
pub fn cpu_seconds() -> Option<f64> {
    /// Of Linux on every platform it runs on (USER_HZ).
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = crate::files::read_text(std::path::Path::new("/proc/self/stat")).ok()?;
    // The program's name stands in brackets and may hold spaces; user and system time are fields 14 and 15.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<f64>().ok();
    Some((next()? + next()?) / TICKS_PER_SECOND)
}

/// Largest resident size of this process so far, where the system tells.
pub fn peak_memory_bytes() -> Option<u64> {
    let status = crate::files::read_text(std::path::Path::new("/proc/self/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok()?.checked_mul(1024)
}
