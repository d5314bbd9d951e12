//! A real daemon in a folder of its own, and a real client: a socket that this test opens itself.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::collections::VecDeque;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest;
use tungstenite::handshake::client::Response;
use tungstenite::{HandshakeError, Message, WebSocket};

use crate::lab::{rows_of, wait_for};
use crate::{foretune, foretune_binary};

/// Nothing that a test waits for takes this long on any machine.
const PATIENCE: Duration = Duration::from_mins(3);

#[derive(Debug)]
pub struct Daemon {
    process: Child,
    state: PathBuf,
    pub port: u16,
    pub token: String,
}

impl Daemon {
    /// Returns once it answers.
    pub fn start(state: &Path, more: &[&str]) -> Self {
        fs::create_dir_all(state).unwrap();
        let mut command = Self::command(state);
        command.args(more);
        Self::of(state, command)
    }

    pub fn command(state: &Path) -> Command {
        let mut command = Command::new(foretune_binary());
        command.args(["serve", "--port", "0", "--log", "debug", "--state"]).arg(state);
        command
    }

    /// Returns once it answers.
    pub fn of(state: &Path, mut command: Command) -> Self {
        let log = fs::File::options().create(true).append(true).open(log_of(state)).unwrap();
        let mut process = command.stdin(Stdio::null()).stderr(log).spawn().unwrap();
        let place = state.join("daemon.json");
        wait_for("the daemon's address", || {
            assert!(process.try_wait().unwrap().is_none(), "it ended: {}", log_text(state));
            let text = fs::read_to_string(&place).unwrap_or_default();
            let known: Value = serde_json::from_str(&text).unwrap_or_default();
            known["process"] == process.id()
        });
        let links = link(state);
        let (address, token) = links.lines().next().unwrap().split_once("/#pair=").unwrap();
        let port = address.rsplit_once(':').unwrap().1.parse().unwrap();
        Self { process, state: state.to_owned(), port, token: token.to_owned() }
    }

    pub fn own_origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A paired client.
    pub fn client(&self) -> Client {
        let mut client = self.connect(None).unwrap();
        client.hello(&self.token);
        client
    }

    pub fn connect(&self, origin: Option<&str>) -> Result<Client, Refused> {
        Client::connect(self.port, &format!("127.0.0.1:{}", self.port), origin)
    }

    /// Processes of its jobs.
    pub fn jobs(&self) -> Vec<u32> {
        children(self.process.id())
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// As `kill -9` does.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// As a system that shuts down does.
    pub fn terminate(&mut self) -> i32 {
        signal("TERM", self.process.id());
        self.process.wait().unwrap().code().unwrap_or(-1)
    }

    pub fn log(&self) -> String {
        log_text(&self.state)
    }

    pub fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answered {
        let host = format!("127.0.0.1:{}", self.port);
        let mut all = vec![("Host", host.as_str())];
        all.extend(headers);
        request(self.port, "GET", path, &all)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            #[expect(clippy::print_stderr, reason = "a failed test shows the daemon's log")]
            {
                eprintln!("the daemon's log:\n{}", self.log());
            }
        }
    }
}

/// Processes that this one has started, by whichever of its threads.
pub fn children(id: u32) -> Vec<u32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{id}/task")) else { return Vec::new() };
    let text: String = threads
        .filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("children")).ok())
        .map(|children| children + " ")
        .collect();
    let mut all: Vec<u32> = text.split_whitespace().filter_map(|id| id.parse().ok()).collect();
    all.sort_unstable();
    all.dedup();
    all
}

pub fn signal(name: &str, process: u32) {
    let sent = Command::new("kill").args([&format!("-{name}"), &process.to_string()]).status().unwrap();
    assert!(sent.success());
}

fn log_of(state: &Path) -> PathBuf {
    state.join("log-of-the-test")
}

fn log_text(state: &Path) -> String {
    fs::read_to_string(log_of(state)).unwrap_or_default()
}

/// What `foretune serve --link` prints.
pub fn link(state: &Path) -> String {
    let finished = foretune(&["serve", "--link", "--state", state.to_str().unwrap()]);
    assert_eq!(finished.code, 0, "{finished:?}");
    finished.stdout
}

/// An answer to a plain request.
#[derive(Debug)]
pub struct Answered {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answered {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("no JSON ({error}): {self:?}"))
    }
}

/// The request as it stands, whatever is wrong with it.
pub fn request(port: u16, method: &str, path: &str, headers: &[(&str, &str)]) -> Answered {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "{method} {path} HTTP/1.1\r\n").unwrap();
    for (name, value) in headers {
        write!(stream, "{name}: {value}\r\n").unwrap();
    }
    write!(stream, "Connection: close\r\n\r\n").unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Answered { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
}

/// A handshake that was answered by something else than a socket.
#[derive(Debug)]
pub struct Refused {
    pub status: u16,
    pub body: Value,
}

pub struct Client {
    socket: WebSocket<TcpStream>,
    waiting: VecDeque<Value>,
    asked: u64,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Client").field("waiting", &self.waiting).finish_non_exhaustive()
    }
}

impl Client {
    pub fn connect(port: u16, host: &str, origin: Option<&str>) -> Result<Self, Refused> {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut request = format!("ws://127.0.0.1:{port}/v1/socket").into_client_request().unwrap();
        request.headers_mut().insert("host", host.parse().unwrap());
        if let Some(origin) = origin {
            request.headers_mut().insert("origin", origin.parse().unwrap());
        }
        match tungstenite::client(request, stream) {
            Ok((socket, _)) => Ok(Self { socket, waiting: VecDeque::new(), asked: 0 }),
            Err(HandshakeError::Failure(tungstenite::Error::Http(response))) => Err(refused(&response)),
            Err(error) => panic!("no handshake: {error}"),
        }
    }

    /// The welcome; the list that follows it is read too.
    pub fn hello(&mut self, token: &str) -> Value {
        let welcome = self.ask(json!({"type": "hello", "protocol": 1, "min_version": 1, "token": token}));
        if welcome["type"] == "welcome" {
            assert_eq!(self.hear()["type"], "jobs");
        }
        welcome
    }

    pub fn say(&mut self, message: &Value) {
        self.say_raw(Message::text(message.to_string()));
    }

    pub fn say_raw(&mut self, message: Message) {
        self.socket.send(message).unwrap();
    }

    /// Without caring whether it arrives.
    pub fn try_say(&mut self, message: Message) -> bool {
        self.socket.send(message).is_ok()
    }

    /// Says it and returns the answer; what comes before waits for `hear`.
    pub fn ask(&mut self, mut message: Value) -> Value {
        self.asked += 1;
        message["id"] = self.asked.into();
        self.say(&message);
        loop {
            let heard = self.read().expect("an answer comes before the end");
            if heard["re"] == self.asked {
                return heard;
            }
            self.waiting.push_back(heard);
        }
    }

    pub fn hear(&mut self) -> Value {
        match self.waiting.pop_front() {
            Some(waiting) => waiting,
            None => self.read().expect("a message comes before the end"),
        }
    }

    /// The next message, or `None` where the connection is over.
    pub fn read(&mut self) -> Option<Value> {
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).unwrap()),
                Ok(Message::Close(_)) => return None,
                Ok(_) => {}
                Err(tungstenite::Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    panic!("nothing came for {PATIENCE:?}")
                }
                Err(_) => return None,
            }
        }
    }

    /// Hands rows over in parts of a few rows.
    pub fn upload(&mut self, rows: &str) -> Value {
        let mut offset = 0;
        let parts: Vec<&str> = rows.split_inclusive('\n').collect();
        let parts: Vec<String> = parts.chunks(50).map(<[&str]>::concat).collect();
        for (number, part) in parts.iter().enumerate() {
            let last = number + 1 == parts.len();
            let answer = self.ask(
                json!({"type": "upload", "upload": "rows", "offset": offset, "text": part, "last": last}),
            );
            offset += part.len();
            assert_eq!(answer["received"], offset, "{answer}");
            if last {
                return json!({"upload": answer["data"].as_str().unwrap()});
            }
        }
        unreachable!("there is a last part")
    }

    /// Starts a job and returns its number.
    pub fn start(&mut self, job: &Value) -> u64 {
        let answer = self.ask(json!({"type": "start", "title": "of a test", "job": job}));
        assert_eq!(answer["type"], "job", "{answer}");
        answer["job"]["job"].as_u64().unwrap()
    }

    pub fn subscribe(&mut self, job: u64, from: u64) {
        let answer = self.ask(json!({"type": "subscribe", "job": job, "from": from}));
        assert_eq!(answer["type"], "subscribed", "{answer}");
    }

    /// The next event of a job for which this holds; those before it are dropped.
    pub fn event(&mut self, job: u64, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let heard = self.hear();
            if heard["type"] == "event" && heard["job"] == job && wanted(&heard) {
                return heard;
            }
        }
    }

    /// Every event of a job to its last.
    pub fn events_to_the_end(&mut self, job: u64) -> Vec<Value> {
        let mut events = Vec::new();
        loop {
            let event = self.event(job, |_| true);
            let is_end = ["done", "failed", "cancelled"].contains(&event["kind"].as_str().unwrap());
            events.push(event);
            if is_end {
                return events;
            }
        }
    }

    /// What the list says of a job.
    pub fn info(&mut self, job: u64) -> Value {
        let list = self.ask(json!({"type": "list_jobs"}));
        let jobs = list["jobs"].as_array().unwrap();
        jobs.iter().find(|info| info["job"] == job).unwrap_or_else(|| panic!("no job {job}: {list}")).clone()
    }

    pub fn wait_for_state(&mut self, job: u64, state: &str) {
        wait_for(state, || self.info(job)["state"] == state);
    }
}

fn refused(response: &Response) -> Refused {
    let body = response.body().as_deref().unwrap_or_default();
    Refused { status: response.status().as_u16(), body: serde_json::from_slice(body).unwrap_or_default() }
}

/// A probe of the bundled model: short, the same everywhere, long enough to be met in its middle.
pub fn probe(data: &Value, eval: &Value, steps: u64) -> Value {
    json!({
        "kind": "probe", "data": data, "eval": eval, "model": "tiny", "device": "cpu", "steps": steps, "stop": "never",
        "recipe": {"learning_rate": 0.002, "epochs": 20.0, "batch_size": 4, "rank": 2, "sequence_length": 48},
    })
}

pub fn train_rows() -> String {
    rows_of("colours", "train", 120, ["red", "blue"])
}

pub fn eval_rows() -> String {
    rows_of("colours", "test", 16, ["red", "blue"])
}
