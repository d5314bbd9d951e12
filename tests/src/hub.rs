//! A model hub on the loopback address with a second host for large files, as the real one has. It can cut
//! connections, send wrong bytes, refuse, hang and redirect, and notes every request.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex};

use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::{Finished, finished, foretune_binary};

pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
/// Files of this size and more lie on the second host.
const LARGE_BYTES: usize = 4096;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    pub path: String,
    /// First and last byte asked for.
    pub range: Option<(usize, usize)>,
    pub authorization: Option<String>,
    /// Of the two hosts, the one for large files.
    pub is_store: bool,
}

/// What happens to a request instead of a plain answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    Status(u16),
    /// The connection ends after so many bytes of the body.
    CutAfter(usize),
    WrongByte,
    /// Ranges are ignored.
    WholeOnly,
    /// No answer until `TestHub::release`.
    Hang,
}

type Judge = dyn Fn(&Request, usize) -> Fault + Send + Sync;

struct Shared {
    name: String,
    files: BTreeMap<String, Vec<u8>>,
    store_port: u16,
    judge: Mutex<Box<Judge>>,
    log: Mutex<Vec<Request>>,
    released: Mutex<bool>,
    release: Condvar,
}

pub struct TestHub {
    shared: Arc<Shared>,
    pub port: u16,
}

impl std::fmt::Debug for TestHub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a hub on port {}", self.port)
    }
}

/// The bundled model's files.
pub fn tiny_files() -> BTreeMap<String, Vec<u8>> {
    let folder = crate::repository_root().join("lab/base");
    ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"]
        .map(|name| (name.to_owned(), std::fs::read(folder.join(name)).unwrap()))
        .into()
}

/// The same with weights of so many bytes that mean nothing.
pub fn large_files(bytes: usize) -> BTreeMap<String, Vec<u8>> {
    let mut files = tiny_files();
    let mut state = 88_172_645_463_325_252_u64;
    let mut weights = Vec::with_capacity(bytes + 8);
    while weights.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        weights.extend(state.to_le_bytes());
    }
    weights.truncate(bytes);
    files.insert("model.safetensors".into(), weights);
    files
}

impl TestHub {
    pub fn start(name: &str, files: BTreeMap<String, Vec<u8>>) -> Self {
        let hub = TcpListener::bind("127.0.0.1:0").unwrap();
        let store = TcpListener::bind("127.0.0.1:0").unwrap();
        let shared = Arc::new(Shared {
            name: name.to_owned(),
            files,
            store_port: store.local_addr().unwrap().port(),
            judge: Mutex::new(Box::new(|_, _| Fault::None)),
            log: Mutex::new(Vec::new()),
            released: Mutex::new(false),
            release: Condvar::new(),
        });
        let port = hub.local_addr().unwrap().port();
        for (listener, is_store) in [(hub, false), (store, true)] {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    let shared = Arc::clone(&shared);
                    // A client that was killed ends its connection: nothing to tell anyone.
                    std::thread::spawn(move || drop(serve(&shared, stream, is_store)));
                }
            });
        }
        Self { shared, port }
    }

    /// `judge` sees each request with how many of the same path and range came before it.
    pub fn fail(&self, judge: impl Fn(&Request, usize) -> Fault + Send + Sync + 'static) {
        *self.shared.judge.lock().unwrap() = Box::new(judge);
    }

    pub fn release(&self) {
        *self.shared.released.lock().unwrap() = true;
        self.shared.release.notify_all();
    }

    /// The requests since the last call.
    pub fn take_log(&self) -> Vec<Request> {
        std::mem::take(&mut self.shared.log.lock().unwrap())
    }

    pub fn file(&self, name: &str) -> &[u8] {
        &self.shared.files[name]
    }

    /// `foretune` with this hub and a cache folder.
    pub fn command(&self, cache: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(foretune_binary());
        self.lend(&mut command, cache);
        command.args(arguments);
        command
    }

    /// Lets a command know no hub but this one, and no cache but this folder.
    pub fn lend(&self, command: &mut Command, cache: &Path) {
        for name in [
            "HF_TOKEN",
            "HF_HUB_OFFLINE",
            "HF_HUB_CACHE",
            "HF_TOKEN_PATH",
            "HTTP_PROXY",
            "http_proxy",
            "ALL_PROXY",
            "all_proxy",
        ] {
            command.env_remove(name);
        }
        command.env("HF_ENDPOINT", format!("http://127.0.0.1:{}", self.port)).env("HF_HOME", cache);
    }

    pub fn run(&self, cache: &Path, arguments: &[&str]) -> Finished {
        finished(self.command(cache, arguments).output().unwrap())
    }
}

fn serve(shared: &Shared, stream: TcpStream, is_store: bool) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    // A proxy is asked for whole addresses.
    let path = target.strip_prefix("http://").map_or(target, |rest| &rest[rest.find('/').unwrap_or(0)..]);
    let (mut range, mut authorization) = (None, None);
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 || header.trim().is_empty() {
            break;
        }
        let (name, value) = header.split_once(':').unwrap_or((&header, ""));
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "range" => {
                let bounds = value.trim_start_matches("bytes=").split_once('-');
                range = bounds.and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
            }
            "authorization" => authorization = Some(value.to_owned()),
            _ => {}
        }
    }
    let request =
        Request { method: method.to_owned(), path: path.to_owned(), range, authorization, is_store };
    let before = {
        let mut log = shared.log.lock().unwrap();
        let same = |other: &&Request| {
            other.path == request.path && other.method == request.method && other.range == request.range
        };
        let before = log.iter().filter(same).count();
        log.push(request.clone());
        before
    };
    let fault = shared.judge.lock().unwrap()(&request, before);
    if fault == Fault::Hang {
        let released = shared.released.lock().unwrap();
        drop(shared.release.wait_while(released, |released| !*released).unwrap());
    }
    answer(shared, stream, &request, fault)
}

fn answer(shared: &Shared, mut stream: TcpStream, request: &Request, fault: Fault) -> std::io::Result<()> {
    if let Fault::Status(status) = fault {
        // At once, so that tests need not wait.
        return write!(
            stream,
            "HTTP/1.1 {status} Refused\r\nRetry-After: 0\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
    }
    let path = request.path.split('?').next().unwrap_or("");
    let api = format!("/api/models/{}/revision/", shared.name);
    let resolve = format!("/{}/resolve/{COMMIT}/", shared.name);
    if path.strip_prefix(&api).is_some_and(|revision| ["main", COMMIT].contains(&revision)) {
        let siblings: Vec<_> =
            shared.files.keys().map(|name| serde_json::json!({"rfilename": name})).collect();
        let body = serde_json::json!({"sha": COMMIT, "siblings": siblings}).to_string();
        return write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
    }
    let (name, is_store) = match (path.strip_prefix(&resolve), path.strip_prefix("/store/")) {
        (Some(name), _) => (name, false),
        (None, Some(name)) => (name, true),
        _ => ("", false),
    };
    let Some(content) = shared.files.get(name) else {
        return write!(stream, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    };
    if !is_store && content.len() >= LARGE_BYTES {
        return write!(
            stream,
            "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{}/store/{name}\r\nX-Linked-Etag: \"{}\"\r\nX-Linked-Size: {}\r\nETag: \"not-this-one\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            shared.store_port,
            sha256(content),
            content.len()
        );
    }
    let range = request.range.filter(|_| fault != Fault::WholeOnly);
    let (from, to) = range.map_or((0, content.len()), |(from, last)| (from, (last + 1).min(content.len())));
    let mut body = content[from..to].to_vec();
    let mut head = String::from(if range.is_some() {
        "HTTP/1.1 206 Partial Content\r\n"
    } else {
        "HTTP/1.1 200 OK\r\n"
    });
    if range.is_some() {
        let _ = write!(head, "Content-Range: bytes {from}-{}/{}\r\n", to - 1, content.len());
    }
    let _ = write!(
        head,
        "ETag: \"{}\"\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        git_sha1(content),
        body.len()
    );
    if request.method == "HEAD" {
        return stream.write_all(head.as_bytes());
    }
    match fault {
        Fault::CutAfter(bytes) => body.truncate(bytes),
        Fault::WrongByte => body[0] ^= 1,
        _ => {}
    }
    stream.write_all(head.as_bytes())?;
    stream.write_all(&body)
}

fn sha256(content: &[u8]) -> String {
    hex(&Sha256::digest(content))
}

fn git_sha1(content: &[u8]) -> String {
    let mut hasher = Sha1::new();
    hasher.update(format!("blob {}\0", content.len()));
    hasher.update(content);
    hex(&hasher.finalize())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
