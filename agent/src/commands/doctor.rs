//! `foretune doctor`: what this machine can do, and what stands in the way.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::Answer;
use crate::server;
use crate::weights::{ModelFolder, TINY};
use crate::{files, machine, state, terminal};

/// Say what this machine can do
///
/// Exit code 1: something that Foretune needs does not work.
#[derive(Debug, Args)]
pub struct Doctor {
    /// Port that `foretune serve` would use
    #[arg(long, default_value_t = 7878)]
    port: u16,
    /// Folder that `foretune serve` would use
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// One thing that was tried.
#[derive(Debug, Serialize)]
struct Tried {
    name: &'static str,
    ok: bool,
    /// Without it Foretune does not work; anything else only narrows what it can do.
    needed: bool,
    found: String,
}

pub fn run(arguments: &Doctor) -> Result<Answer> {
    let device = machine::device(machine::has_cuda());
    let (memory, available) = machine::memory_bytes();
    let models = machine::models();
    let tried = vec![
        gpu(&device.kind),
        memory_for_work(available),
        state_folder(arguments.state.as_ref()),
        port(arguments.port),
        bundled_model(),
        page(),
    ];
    let ok = tried.iter().all(|one| one.ok || !one.needed);
    if arguments.json {
        terminal::data(&format!(
            "{:#}",
            json!({
                "ok": ok,
                "version": env!("CARGO_PKG_VERSION"),
                "device": device,
                "memory_bytes": memory,
                "memory_available_bytes": available,
                "models": models,
                "checks": tried,
            })
        ))?;
    } else {
        let mut lines = vec![
            format!("foretune {}", env!("CARGO_PKG_VERSION")),
            format!("processor  {}, {}", device.name, device.instructions),
            format!("memory     {}", memory.map_or("?".to_owned(), gigabytes)),
            format!("jobs use   {}", device.kind),
        ];
        lines.extend(tried.iter().map(|one| {
            let mark = if one.ok {
                "yes"
            } else if one.needed {
                "NO "
            } else {
                "no "
            };
            format!("{mark}  {:12} {}", one.name, one.found)
        }));
        lines.extend(models.iter().map(|model| {
            let size = model.parameters.map_or("cannot be trained here".to_owned(), |count| {
                format!("{:.3} billion parameters", count as f64 / 1e9)
            });
            format!("model  {}: {size}", model.name)
        }));
        terminal::data(&lines.join("\n"))?;
    }
    Ok(if ok { Answer::Yes } else { Answer::No })
}

fn gpu(kind: &str) -> Tried {
    let found = match (kind, cfg!(feature = "cuda")) {
        ("cuda", _) => "a CUDA device answers".to_owned(),
        (_, true) => "no CUDA device answers; see `nvidia-smi`. Jobs run on the processor".to_owned(),
        (_, false) if files::exists(Path::new("/dev/nvidiactl")) => {
            "there is one, but this program was built without CUDA: build with --features cuda".to_owned()
        }
        (_, false) => "this program was built without CUDA. Jobs run on the processor".to_owned(),
    };
    Tried { name: "GPU", ok: kind == "cuda", needed: false, found }
}

fn memory_for_work(available: Option<u64>) -> Tried {
    /// The bundled model's probe stays below half of this.
    const ENOUGH_BYTES: u64 = 1 << 30;
    let found = available
        .map_or("the system does not tell".to_owned(), |bytes| format!("{} are free", gigabytes(bytes)));
    Tried {
        name: "free memory",
        ok: available.is_none_or(|bytes| bytes >= ENOUGH_BYTES),
        needed: false,
        found,
    }
}

fn state_folder(given: Option<&PathBuf>) -> Tried {
    let tried = state::folder(given).and_then(|folder| {
        let path = folder.join("doctor");
        let is_new = !files::exists(&folder);
        files::create_folder(&folder)?;
        files::write_atomically(&path, b"can be written")?;
        files::remove(&path)?;
        if is_new {
            files::remove_folder(&folder)?;
        }
        Ok(folder)
    });
    let ok = tried.is_ok();
    let found = match tried {
        Ok(folder) => format!("{} can be written", folder.display()),
        Err(error) => format!("{error:#}"),
    };
    Tried { name: "state folder", ok, needed: true, found }
}

fn port(port: u16) -> Tried {
    let tried = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let found = match &tried {
        Ok(_) => format!("{port} is free"),
        Err(error) => {
            format!("{port} cannot be used ({error}): a foretune runs already, or choose another with --port")
        }
    };
    Tried { name: "port", ok: tried.is_ok(), needed: false, found }
}

fn bundled_model() -> Tried {
    let tried = ModelFolder::open(TINY)
        .and_then(|folder| folder.load(&foretune_engine::LoadOptions::cpu()).map(|_| ()));
    let found = match &tried {
        Ok(()) => "the bundled one loads".to_owned(),
        Err(error) => format!("{error:#}"),
    };
    Tried { name: "model", ok: tried.is_ok(), needed: true, found }
}

fn page() -> Tried {
    let ok = server::is_built();
    let found =
        if ok { "in this program" } else { "this program was built without it; build with ./dev run" };
    Tried { name: "page", ok, needed: false, found: found.to_owned() }
}

fn gigabytes(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30))
}
