//! `foretune models`: weights from a hub into the cache that Python shares, what lies there, whether it is whole.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use clap::{Args, Subcommand};
use foretune_core::wire::EventBody;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::Answer;
use crate::interrupt;
use crate::models::{Cache, Checksum, Held, Hub, ModelName, Watcher, pull};
use crate::terminal;

/// How often a daemon hears how far it is.
const TELL_EVERY: Duration = Duration::from_millis(200);

/// Fetch base models, list them, check them
#[derive(Debug, Args)]
pub struct Models {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Fetch a model; a killed or broken fetch goes on where it was
    ///
    /// HF_ENDPOINT, HF_TOKEN, HF_HOME, HF_HUB_CACHE and HF_HUB_OFFLINE mean what they mean to Python's client;
    /// HTTPS_PROXY, HTTP_PROXY and NO_PROXY are respected.
    Pull {
        /// owner/name, or owner/name@revision
        name: String,
        /// Branch, tag or commit (default: main)
        #[arg(long)]
        revision: Option<String>,
        /// Connections at once
        #[arg(long, value_name = "N", default_value_t = 6)]
        connections: usize,
        /// Print the result as JSON
        #[arg(long)]
        json: bool,
    },
    /// What lies in the cache
    List {
        /// Print the list as JSON
        #[arg(long)]
        json: bool,
    },
    /// Hash what lies in the cache again; exit code 1 if a file is not what its name says
    Verify {
        /// Only this model
        name: Option<String>,
        /// Print the result as JSON
        #[arg(long)]
        json: bool,
    },
}

pub fn run(arguments: &Models) -> Result<Answer> {
    let cache = Cache::of_environment()?;
    match &arguments.action {
        Action::Pull { name, revision, connections, json } => {
            fetch(&cache, name, revision.as_deref(), *connections, *json)
        }
        Action::List { json } => list(&cache, *json),
        Action::Verify { name, json } => verify(&cache, name.as_deref(), *json),
    }
}

fn parse(name: &str, revision: Option<&str>) -> Result<ModelName> {
    let text = revision.map_or_else(|| name.to_owned(), |revision| format!("{name}@{revision}"));
    ModelName::parse(&text)
        .ok_or_else(|| anyhow!("{text:?} is no name of a model; expected owner/name or owner/name@revision"))
}

fn fetch(
    cache: &Cache,
    name: &str,
    revision: Option<&str>,
    connections: usize,
    json: bool,
) -> Result<Answer> {
    let name = parse(name, revision)?;
    if Cache::is_offline() {
        let Some(folder) = cache.snapshot(&name) else {
            bail!(
                "HF_HUB_OFFLINE is set and {}@{} is not whole in the cache; unset it to fetch the model",
                name.name,
                name.revision
            );
        };
        let text = if json {
            json!({"name": name.name, "folder": folder, "fetched_bytes": 0}).to_string()
        } else {
            folder.display().to_string()
        };
        terminal::data(&text)?;
        return Ok(Answer::Yes);
    }
    let stop = interrupt::stop_flag("stopping; what came so far is kept");
    let hub = Hub::open(cache.token(), &stop)?;
    let progress = Progress::default();
    let pulled = pull(cache, &hub, &name, connections.clamp(1, 32), &progress);
    progress.finish();
    let pulled = pulled?;
    for file in pulled.files.iter().filter(|file| file.verified.is_none()) {
        terminal::note(&format!("{}: the hub gave no hash, so only its length was compared", file.name));
    }
    if json {
        terminal::data(&serde_json::to_string_pretty(&pulled)?)?;
    } else {
        terminal::note(&format!(
            "{} at {}: {} files, {}, of which {} came now",
            pulled.name,
            pulled.commit,
            pulled.files.len(),
            megabytes(pulled.bytes),
            megabytes(pulled.fetched_bytes)
        ));
        terminal::data(&pulled.folder.display().to_string())?;
    }
    Ok(Answer::Yes)
}

fn list(cache: &Cache, json: bool) -> Result<Answer> {
    let held = cache.list()?;
    if json {
        terminal::data(&serde_json::to_string_pretty(&json!({"models": held}))?)?;
        return Ok(Answer::Yes);
    }
    let line = |held: &Held| {
        let state = if held.complete { "" } else { "  not usable here: a part is missing" };
        let refs = if held.refs.is_empty() { String::new() } else { format!(" ({})", held.refs.join(", ")) };
        format!("{:40} {:>12}  {}{refs}{state}", held.name, megabytes(held.bytes), held.commit)
    };
    terminal::data(&held.iter().map(line).collect::<Vec<_>>().join("\n"))?;
    Ok(Answer::Yes)
}

fn verify(cache: &Cache, name: Option<&str>, json: bool) -> Result<Answer> {
    let name = name.map(|name| parse(name, None)).transpose()?;
    let commit = name.as_ref().and_then(|name| cache.commit(name));
    let mut held = cache.list()?;
    if let Some(name) = &name {
        held.retain(|held| {
            held.name == name.name && commit.as_ref().is_none_or(|commit| *commit == held.commit)
        });
        if held.is_empty() {
            bail!("{} is not in the cache; fetch it with: foretune models pull {}", name.name, name.name);
        }
    }
    let (mut checked, mut bad) = (Vec::new(), 0);
    for held in &held {
        for path in &held.files {
            let file = path.strip_prefix(&held.folder).unwrap_or(path).display().to_string();
            let blob = crate::files::link_target(path);
            let etag = blob
                .as_deref()
                .and_then(|blob| blob.file_name())
                .map(|name| name.to_string_lossy().into_owned());
            let checksum = etag.as_deref().and_then(Checksum::of_etag);
            let state = match &checksum {
                None => "unknown",
                Some(checksum) => match checksum.fits(path) {
                    Ok(true) => "ok",
                    Ok(false) => "changed",
                    Err(_) => "missing",
                },
            };
            bad += usize::from(matches!(state, "changed" | "missing"));
            checked.push(json!({
                "name": held.name, "commit": held.commit, "file": file, "state": state,
                "hash": checksum.map(|checksum| checksum.kind()),
            }));
        }
        if !held.complete {
            bad += 1;
            checked.push(
                json!({"name": held.name, "commit": held.commit, "file": Value::Null, "state": "incomplete"}),
            );
        }
    }
    if json {
        terminal::data(&serde_json::to_string_pretty(&json!({"files": checked, "bad": bad}))?)?;
    } else {
        let lines: Vec<String> = checked.iter().map(line_of).collect();
        terminal::data(&lines.join("\n"))?;
        if bad > 0 {
            terminal::note(
                "delete the changed files' blobs and fetch the model again: foretune models pull NAME",
            );
        }
    }
    Ok(if bad == 0 { Answer::Yes } else { Answer::No })
}

fn line_of(file: &Value) -> String {
    let text = |key: &str| file[key].as_str().unwrap_or("");
    format!("{:10} {} {} {}", text("state"), text("name"), text("file"), text("hash"))
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// A bar on a terminal.
#[derive(Default)]
struct Progress {
    counted: Mutex<Option<Counted>>,
}

/// Bytes so far, drawn on a terminal and told to the daemon.
struct Counted {
    bar: ProgressBar,
    told: Instant,
}

impl Counted {
    fn tell(&mut self) {
        self.told = Instant::now();
        let (done, total) = (self.bar.position(), self.bar.length());
        terminal::event(&EventBody::Progress { done, total, unit: "bytes".to_owned() });
    }
}

impl Progress {
    fn with(&self, body: impl FnOnce(&mut Counted)) {
        if let Some(counted) = &mut *self.counted.lock().unwrap_or_else(std::sync::PoisonError::into_inner) {
            body(counted);
        }
    }

    fn finish(&self) {
        self.with(|counted| {
            counted.tell();
            counted.bar.finish_and_clear();
        });
    }
}

impl Watcher for Progress {
    fn begin(&self, bytes: u64, here: u64) {
        let bar = if terminal::shows_progress() { ProgressBar::new(bytes) } else { ProgressBar::hidden() };
        let style = "{bytes}/{total_bytes} {bar:30} {bytes_per_sec}  {eta} left";
        bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_length(bytes);
        bar.set_position(here);
        bar.reset_eta();
        let mut counted = Counted { bar, told: Instant::now() };
        counted.tell();
        *self.counted.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(counted);
    }

    fn more(&self, bytes: u64) {
        self.with(|counted| {
            counted.bar.inc(bytes);
            if counted.told.elapsed() > TELL_EVERY {
                counted.tell();
            }
        });
    }
}
