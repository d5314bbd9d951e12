//! The daemon: the page and the socket on this computer's loopback address, and jobs that belong to it and not to
//! whoever watches them.

mod arguments;
mod guard;
mod hub;
#[cfg(all(test, feature = "interleavings"))]
mod interleavings;
mod log;
mod memory;
mod page;
mod plain;
mod runner;
mod secret;
mod socket;
mod store;
mod sync;
mod uploads;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use foretune_core::limits;
use foretune_core::wire::{DeviceInfo, Refusal, Rule, SOCKET_PATH};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::watch;
use warp::http::{Method, Response};
use warp::hyper::body::Bytes;
use warp::path::FullPath;
use warp::{Filter, Reply};

use crate::files::{self, FileLock};
use crate::{machine, terminal};
use guard::Guard;
use hub::Hub;
use plain::Request;
use secret::Secret;

pub use guard::parse_origin;
pub use log::Level;
pub use page::{digest as page_digest, is_built};

const LOCK: &str = "lock";
const PLACE: &str = "daemon.json";
/// Jobs get this long to keep what they have when the agent is stopped.
const LAST_STEP: Duration = Duration::from_secs(20);

#[derive(Debug)]
pub struct Options {
    pub port: u16,
    pub state: PathBuf,
    /// Pages of other sites that may use this agent.
    pub allowed: Vec<String>,
    pub renew_secret: bool,
    pub level: Level,
}

/// One running daemon, for all its connections.
#[derive(Debug)]
pub struct Agent {
    guard: Guard,
    secret: Secret,
    hub: Arc<Hub>,
    boot: String,
    device: DeviceInfo,
}

/// Where the daemon of a folder is, for other programs of the same user.
#[derive(Debug, Serialize, Deserialize)]
struct Place {
    port: u16,
    process: u32,
    allowed: Vec<String>,
}

/// The addresses of a daemon that is ready.
#[derive(Debug)]
pub struct Ready {
    pub address: String,
    /// One for each page that may use it, its own first.
    pub links: Vec<String>,
    /// For the page itself, once.
    pub once: String,
}

/// Serves until Ctrl-C or SIGTERM.
pub async fn serve(options: Options, on_ready: impl FnOnce(&Ready)) -> Result<()> {
    log::set(options.level);
    if !files::is_folder(&options.state) {
        files::create_private_folder(&options.state)?;
    } else if files::is_open_to_others(&options.state)? {
        // What is in it is closed to others by itself; a folder of the user's keeps the mode it has.
        log::warn(&format!("others may look into {}", options.state.display()));
    }
    let _lock = take_folder(&options.state)?;
    let secret = Secret::open(&options.state, options.renew_secret)?;
    let hub = Hub::open(&options.state, runner::run)?;
    let (listener, port) = listen(options.port).await?;
    let guard = Guard::new(port, options.allowed);
    let place = Place { port, process: std::process::id(), allowed: guard.allowed().to_vec() };
    files::write_private(&options.state.join(PLACE), serde_json::to_string(&place)?.as_bytes())?;
    let ready = Ready {
        address: guard.own_address(),
        links: links(&place, secret.lasting()),
        once: secret::link(&guard.own_address(), &secret.new_code()?, None),
    };
    let agent = Arc::new(Agent {
        guard,
        secret,
        hub: Arc::clone(&hub),
        boot: secret::random_hex()?[..16].to_owned(),
        device: machine::device(has_cuda()),
    });
    let routes = routes(agent);
    let (stop, stopped) = watch::channel(false);
    let until = |mut stopped: watch::Receiver<bool>| async move {
        let _ = stopped.wait_for(|stopped| *stopped).await;
    };
    // The same port on [::1] is a convenience: without IPv6 the server works all the same.
    if let Ok(second) = TcpListener::bind(SocketAddr::from((Ipv6Addr::LOCALHOST, port))).await {
        let server = warp::serve(routes.clone()).incoming(second).graceful(until(stopped.clone()));
        tokio::spawn(server.run());
    }
    let server = tokio::spawn(warp::serve(routes).incoming(listener).graceful(until(stopped)).run());
    tokio::spawn(memory::give_back_now_and_then());
    hub.start_ready();
    on_ready(&ready);
    shutdown().await;
    log::info("stopping: running jobs keep what they have");
    hub.stop();
    let in_time = tokio::select! {
        () = jobs_have_ended(&hub) => true,
        () = tokio::time::sleep(LAST_STEP) => false,
        // A second Ctrl-C.
        () = shutdown() => false,
    };
    if !in_time {
        log::warn("a job was killed; it goes on from its last checkpoint");
        hub.kill_all();
        let _ = tokio::time::timeout(LAST_STEP, jobs_have_ended(&hub)).await;
    }
    let _ = stop.send(true);
    // Clients hear that it ends; whoever does not listen is not waited for.
    let _ = tokio::time::timeout(Duration::from_secs(2), server).await;
    terminal::note("foretune: stopped");
    Ok(())
}

async fn jobs_have_ended(hub: &Hub) {
    while hub.running() > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Links of the daemon that serves from this folder now.
pub fn links_of_running(state: &Path) -> Result<Vec<String>> {
    let is_free =
        files::is_folder(state) && FileLock::try_take(&state.join(LOCK), "").is_ok_and(|lock| lock.is_some());
    if is_free || !files::exists(&state.join(PLACE)) {
        bail!("no foretune serves from {}; start one with: foretune serve", state.display());
    }
    let place: Place = serde_json::from_str(&files::read_text(&state.join(PLACE))?)
        .with_context(|| format!("{} cannot be read", state.join(PLACE).display()))?;
    Ok(links(&place, Secret::open(state, false)?.lasting()))
}

fn links(place: &Place, token: &str) -> Vec<String> {
    let own = secret::link(&format!("http://127.0.0.1:{}", place.port), token, None);
    let agent = format!("127.0.0.1:{}", place.port);
    let others = place.allowed.iter().map(|page| secret::link(page, token, Some(&agent)));
    std::iter::once(own).chain(others).collect()
}

fn take_folder(state: &Path) -> Result<FileLock> {
    let lock = FileLock::try_take(&state.join(LOCK), &format!("process {}", std::process::id()))?;
    lock.with_context(|| {
        format!(
            "another foretune serves from {}; use that one (foretune serve --link prints its address), or name another \
             folder with --state",
            state.display()
        )
    })
}

async fn listen(port: u16) -> Result<(TcpListener, u16)> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}; is another foretune running? Try another port: foretune serve --port {}", port.saturating_add(1))
    })?;
    let port = listener.local_addr().context("the listener has no address")?.port();
    Ok((listener, port))
}

/// A driver that takes its process down must not take this one.
fn has_cuda() -> bool {
    if !cfg!(feature = "cuda") {
        return false;
    }
    let Ok(program) = std::env::current_exe() else { return false };
    let output = std::process::Command::new(program).args(["doctor", "--json"]).output();
    let report =
        output.ok().and_then(|output| serde_json::from_slice::<serde_json::Value>(&output.stdout).ok());
    report.is_some_and(|report| report["device"]["kind"] == "cuda")
}

async fn shutdown() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                result = tokio::signal::ctrl_c() => if result.is_ok() { return },
                _ = terminate.recv() => return,
            }
        }
    }
    if tokio::signal::ctrl_c().await.is_err() {
        // Without a signal handler the server runs until it is killed.
        std::future::pending::<()>().await;
    }
}

fn routes(
    agent: Arc<Agent>,
) -> impl Filter<Extract = (impl Reply,), Error = std::convert::Infallible> + Clone {
    let with_agent = warp::any().map(move || Arc::clone(&agent));
    let socket = warp::path::full()
        .and_then(|path: FullPath| async move {
            if path.as_str() == SOCKET_PATH { Ok(()) } else { Err(warp::reject::not_found()) }
        })
        .untuple_one()
        .and(with_agent.clone())
        .and(warp::header::optional::<String>("host"))
        .and(warp::header::optional::<String>("origin"))
        .and(warp::ws())
        .map(|agent: Arc<Agent>, host: Option<String>, origin: Option<String>, ws: warp::ws::Ws| {
            open_socket(agent, host.as_deref(), origin, ws)
        });
    let plain = with_agent
        .and(warp::method())
        .and(warp::path::full())
        .and(warp::query::raw().or(warp::any().map(String::new)).unify())
        .and(warp::header::optional::<String>("host"))
        .and(warp::header::optional::<String>("origin"))
        .and(warp::header::optional::<String>("if-none-match"))
        .map(|agent: Arc<Agent>, method: Method, path: FullPath, query, host, origin, etag| {
            let path = path.as_str().to_owned();
            plain::answer(&agent, &Request { method, path, query, host, origin, etag }).into_response()
        });
    let unreadable = warp::any().map(|| {
        let refusal = Refusal::new(Rule::BadRequest, "the request's headers cannot be read");
        plain::refuse(&refusal).into_response()
    });
    socket.or(plain).unify().or(unreadable).unify()
}

/// Host, then Origin, then room: only then a connection is opened, on which the secret comes first.
fn open_socket(
    agent: Arc<Agent>,
    host: Option<&str>,
    origin: Option<String>,
    ws: warp::ws::Ws,
) -> warp::reply::Response {
    let caller = agent.guard.check_host(host).and_then(|()| agent.guard.check_origin(origin.as_deref()));
    let caller = match caller {
        Ok(caller) => caller,
        Err(refusal) => return refused(&refusal),
    };
    let seat = match agent.hub.seat() {
        Ok(seat) => seat,
        Err(refusal) => return refused(&refusal),
    };
    let origin = origin.unwrap_or_default();
    ws.max_message_size(limits::MAX_CLIENT_MESSAGE_BYTES)
        .max_frame_size(limits::MAX_CLIENT_MESSAGE_BYTES)
        .max_write_buffer_size(2 * limits::MAX_SERVER_MESSAGE_BYTES)
        .on_upgrade(move |socket| async move {
            // Held here, so that a handshake that breaks off gives it back too.
            let _seat = seat;
            socket::serve(agent, socket, caller, origin).await;
        })
        .into_response()
}

fn refused(refusal: &Refusal) -> warp::reply::Response {
    let response: Response<Bytes> = plain::refuse(refusal);
    response.into_response()
}

#[cfg(test)]
impl Agent {
    fn for_tests(state: &Path, port: u16) -> Self {
        Self {
            guard: Guard::new(port, Vec::new()),
            secret: Secret::open(state, false).unwrap(),
            hub: Hub::open(state, runner::run).unwrap(),
            boot: "0".to_owned(),
            device: machine::device(false),
        }
    }
}
