//! What this computer is: for jobs that choose a device, and for `foretune doctor`.

use std::path::Path;

use foretune_core::wire::{DeviceInfo, ModelInfo};

use crate::devices::{self, DeviceChoice};
use crate::{files, weights};

pub fn cores() -> u64 {
    std::thread::available_parallelism().map_or(1, |count| count.get() as u64)
}

/// Of the whole computer, and what is free of it, where the system tells.
pub fn memory_bytes() -> (Option<u64>, Option<u64>) {
    let text = files::read_text(Path::new("/proc/meminfo")).unwrap_or_default();
    let field = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok()?.checked_mul(1024)
    };
    (field("MemTotal:"), field("MemAvailable:"))
}

pub fn processor() -> String {
    let text = files::read_text(Path::new("/proc/cpuinfo")).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("model name"));
    let name = line.and_then(|line| line.split_once(':')).map(|(_, name)| name.trim().to_owned());
    name.unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}

/// Opens the GPU, where this program can use one: not for a process that has to outlive a broken driver.
pub fn has_cuda() -> bool {
    devices::open(DeviceChoice::Auto).is_ok_and(|(device, _)| !device.is_cpu())
}

pub fn device(has_cuda: bool) -> DeviceInfo {
    let cores = cores();
    let noun = if cores == 1 { "core" } else { "cores" };
    DeviceInfo {
        kind: if has_cuda { "cuda" } else { "cpu" }.to_owned(),
        name: format!("{} ({cores} {noun})", processor()),
        cores,
        memory_bytes: memory_bytes().0,
        instructions: devices::instructions().to_owned(),
    }
}

pub fn models() -> Vec<ModelInfo> {
    let info = |name: String| ModelInfo {
        parameters: weights::parameters(&name),
        bundled: name == weights::TINY,
        name,
    };
    weights::known_models().into_iter().map(info).collect()
}
