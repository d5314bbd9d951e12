//! `foretune serve`: the daemon on this machine's loopback address.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;

use super::Answer;
use crate::server::{self, Level, Options, Ready};
use crate::{files, state, terminal};

/// Open the page on this computer; nothing leaves it
///
/// Listens on 127.0.0.1 and [::1] only. Jobs belong to the daemon: they go on when the page is closed, and after
/// the daemon was stopped or killed they go on at its next start.
#[derive(Debug, Args)]
pub struct Serve {
    /// Port on 127.0.0.1 (0: any free one)
    #[arg(long, default_value_t = 7878)]
    port: u16,
    /// Open the browser, paired
    #[arg(long)]
    open: bool,
    /// Folder of jobs, their results and the pairing secret (default: in XDG_STATE_HOME)
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// A page of another site that may use this agent (repeatable)
    #[arg(long, value_name = "URL", value_parser = server::parse_origin)]
    allow_origin: Vec<String>,
    /// How much is logged on stderr
    #[arg(long, value_enum, default_value_t = Level::Info)]
    log: Level,
    /// Print the pairing links of the daemon that runs, and end
    #[arg(long, conflicts_with_all = ["open", "install", "new_secret"])]
    link: bool,
    /// Replace the pairing secret: every page has to pair anew
    #[arg(long)]
    new_secret: bool,
    /// Write a systemd unit of the user that starts the daemon with these options, and end
    #[arg(long, conflicts_with = "open")]
    install: bool,
}

pub fn run(arguments: &Serve) -> Result<Answer> {
    let state = state::folder(arguments.state.as_ref())?;
    if arguments.link {
        terminal::data(&server::links_of_running(&state)?.join("\n"))?;
        return Ok(Answer::Yes);
    }
    if arguments.install {
        return install(arguments, &state);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the server")?;
    let options = Options {
        port: arguments.port,
        state,
        allowed: arguments.allow_origin.clone(),
        renew_secret: arguments.new_secret,
        level: arguments.log,
    };
    runtime.block_on(server::serve(options, |ready| greet(ready, arguments.open)))?;
    Ok(Answer::Yes)
}

fn greet(ready: &Ready, open: bool) {
    terminal::note(&format!("Foretune is at {}  (Ctrl-C stops it)", ready.address));
    if !server::is_built() {
        terminal::note("this binary was built without the page; build it with ./dev run");
    }
    // A journal is read by others, and for longer.
    if terminal::shows_progress() {
        for link in &ready.links {
            terminal::note(&format!("pair a page by opening: {link}"));
        }
    } else {
        terminal::note("pair a page by opening what this prints: foretune serve --link");
    }
    if open && !open_browser(&ready.once) {
        terminal::note("no browser could be started: open the address by hand");
    }
}

/// The address stands in the list of processes, so it carries a code that works once.
fn open_browser(address: &str) -> bool {
    let program = if cfg!(target_os = "macos") {
        "open"
    } else if cfg!(windows) {
        "explorer"
    } else {
        "xdg-open"
    };
    std::process::Command::new(program).arg(address).spawn().is_ok()
}

fn install(arguments: &Serve, state: &Path) -> Result<Answer> {
    if !cfg!(target_os = "linux") {
        bail!(
            "--install writes a systemd unit, which this system does not have; start `foretune serve` at login instead"
        );
    }
    let of = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let config = of("XDG_CONFIG_HOME").or_else(|| of("HOME").map(|home| home.join(".config")));
    let config = config.context("neither XDG_CONFIG_HOME nor HOME is set")?;
    let program = std::env::current_exe().context("the path of this program is unknown")?;
    let mut words = vec![program.display().to_string(), "serve".to_owned()];
    words.push(format!("--port={}", arguments.port));
    if arguments.state.is_some() {
        words.push(format!("--state={}", state.display()));
    }
    words.extend(arguments.allow_origin.iter().map(|origin| format!("--allow-origin={origin}")));
    let command = words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
    let unit = format!(
        "[Unit]\nDescription=Foretune: forecasts of fine-tunes, on this computer only\n\n\
         [Service]\nExecStart={command}\nRestart=on-failure\n# Jobs keep what they have before the daemon goes.\n\
         KillMode=mixed\nTimeoutStopSec=60\nNoNewPrivileges=yes\n\n[Install]\nWantedBy=default.target\n"
    );
    let folder = config.join("systemd/user");
    files::create_folder(&folder)?;
    let path = folder.join("foretune.service");
    files::write_atomically(&path, unit.as_bytes())?;
    terminal::note(&format!("wrote {}", path.display()));
    terminal::note("start it now and at every login:");
    terminal::note("  systemctl --user daemon-reload && systemctl --user enable --now foretune");
    terminal::note("and while nobody is logged in, too:  loginctl enable-linger");
    Ok(Answer::Yes)
}

/// A word of ExecStart as systemd reads it.
fn quoted(word: &str) -> String {
    let word = word.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%").replace('$', "$$");
    if word.contains([' ', '\t', '\'', ';']) { format!("\"{word}\"") } else { word }
}
