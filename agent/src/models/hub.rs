//! Requests to a Hugging Face-compatible hub: redirects followed by hand so that the token stays with its
//! host, patience with busy servers and broken connections, errors that say what to do.

use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use foretune_core::limits::{MAX_HUB_ANSWER_BYTES, MAX_HUB_REDIRECTS};
use reqwest::blocking::{Client, Response};
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, ETAG, HeaderMap, LOCATION, RANGE, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Method, StatusCode, Url};
use serde_json::Value;
use thiserror::Error;

use super::cache::is_commit;

const DEFAULT_ENDPOINT: &str = "https://huggingface.co";
/// Without a byte for this long a connection counts as broken.
const SILENCE: Duration = Duration::from_secs(30);
const CONNECT: Duration = Duration::from_secs(15);
/// Failures in a row, without a byte of progress between them.
const TRIES: u32 = 6;
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_mins(5);

#[derive(Debug, Error)]
pub enum HubError {
    #[error("{what} is not on {endpoint}; check the spelling and the revision")]
    NotFound { what: String, endpoint: String },
    #[error("{endpoint} does not give out {what} (status {status}); {todo}")]
    Denied { what: String, endpoint: String, status: u16, todo: &'static str },
    #[error(
        "{endpoint} is busy (status {status}) and stayed so over {tries} tries; try again later, what came so far is kept"
    )]
    Busy { endpoint: String, status: u16, tries: u32 },
    #[error("{endpoint} answered {what} with status {status}")]
    Status { what: String, endpoint: String, status: u16 },
    #[error(
        "the connection to {endpoint} failed {tries} times in a row ({reason}); check the network and the proxy, then run the same command again: what came so far is kept"
    )]
    Connection { endpoint: String, reason: String, tries: u32 },
    #[error("{endpoint} redirects {what} {reason}")]
    Redirect { what: String, endpoint: String, reason: String },
    #[error("{endpoint} answered {what} with something else: {reason}")]
    Answer { what: String, endpoint: String, reason: String },
    #[error("stopped on request; what came so far is kept")]
    Stopped,
}

type Outcome<T> = std::result::Result<T, HubError>;

/// What one try may run into.
enum Trouble {
    /// Worth another try, after this long where the server said so.
    Passing(Passing, Option<Duration>),
    Final(HubError),
}

enum Passing {
    Busy(u16),
    Broken(String),
}

#[derive(Debug)]
pub struct Hub<'a> {
    client: Client,
    endpoint: Url,
    token: Option<String>,
    stop: &'a AtomicBool,
}

/// What the hub says of a model at a revision.
#[derive(Debug)]
pub struct Revision {
    pub commit: String,
    pub files: Vec<String>,
}

/// What the hub says of a file before any of it is fetched.
#[derive(Debug, Clone)]
pub struct FileFacts {
    pub name: String,
    pub url: Url,
    pub bytes: u64,
    pub etag: String,
}

/// Bytes of a range, or the whole file from a server that knows no ranges.
enum Body {
    Range(Response),
    Whole(Response),
}

impl<'a> Hub<'a> {
    /// `HF_ENDPOINT` or the public hub; the proxies of the environment.
    pub fn open(token: Option<String>, stop: &'a AtomicBool) -> Result<Self> {
        let endpoint = std::env::var("HF_ENDPOINT").ok().filter(|text| !text.is_empty());
        let endpoint = endpoint.unwrap_or_else(|| DEFAULT_ENDPOINT.to_owned());
        let endpoint = Url::parse(&format!("{}/", endpoint.trim_end_matches('/')))
            .with_context(|| format!("HF_ENDPOINT {endpoint:?} is no address"))?;
        // A second installation finds the first: that is fine.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .user_agent(concat!("foretune/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .connect_timeout(CONNECT)
            .timeout(SILENCE)
            .build()
            .context("the HTTP client cannot be set up")?;
        Ok(Self { client, endpoint, token, stop })
    }

    pub fn endpoint(&self) -> String {
        self.endpoint.as_str().trim_end_matches('/').to_owned()
    }

    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    pub fn revision(&self, name: &str, revision: &str) -> Outcome<Revision> {
        let what = format!("the model {name} at {revision}");
        let url = self.address(&format!("api/models/{name}/revision/{}", revision.replace('/', "%2F")))?;
        let text = self.patiently(|| {
            let response = self.send(&Method::GET, &url, None, &what)?;
            let mut text = String::new();
            let read = response.take(MAX_HUB_ANSWER_BYTES).read_to_string(&mut text);
            read.map_err(|error| broken(&error))?;
            Ok(text)
        })?;
        let json: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        let commit = json.get("sha").and_then(Value::as_str).filter(|sha| is_commit(sha));
        let listed = json.get("siblings").and_then(Value::as_array);
        let (Some(commit), Some(listed)) = (commit, listed) else {
            return Err(self.odd(&what, "no sha or no list of files; is HF_ENDPOINT a model hub?"));
        };
        let names = listed.iter().filter_map(|file| file.get("rfilename").and_then(Value::as_str));
        Ok(Revision { commit: commit.to_owned(), files: names.map(str::to_owned).collect() })
    }

    pub fn facts(&self, name: &str, commit: &str, file: &str) -> Outcome<FileFacts> {
        let what = format!("{file} of {name}");
        let url = self.address(&format!("{name}/resolve/{commit}/{file}"))?;
        let response = self.patiently(|| self.send(&Method::HEAD, &url, None, &what))?;
        let headers = response.headers();
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        // Of large files the hub's first answer names the content; the redirect's target may not.
        let etag = text("x-linked-etag").or_else(|| text(ETAG.as_str()));
        let etag = etag.map(|etag| etag.trim_start_matches("W/").trim_matches('"').to_owned());
        let bytes = text("x-linked-size").or_else(|| text(CONTENT_LENGTH.as_str()));
        let bytes = bytes.and_then(|bytes| bytes.parse().ok());
        let is_name = |etag: &String| {
            !etag.is_empty()
                && etag.len() <= 128
                && etag.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        };
        match (etag.filter(is_name), bytes) {
            (Some(etag), Some(bytes)) => Ok(FileFacts { name: file.to_owned(), url, bytes, etag }),
            _ => Err(self.odd(&what, "no usable ETag or length")),
        }
    }

    /// Appends bytes `from..to` of a file to the buffer, beginning again where a connection breaks.
    /// `Ok(false)`: the server sends whole files only, and nothing was appended.
    pub fn read_range(&self, facts: &FileFacts, from: u64, to: u64, buffer: &mut Vec<u8>) -> Outcome<bool> {
        let start = buffer.len();
        let wanted = (to - from) as usize;
        let mut patience = Patience::new(self);
        while buffer.len() - start < wanted {
            let done = buffer.len() - start;
            let failed = match self.body(facts, from + done as u64, to) {
                Ok(Body::Whole(response)) if from == 0 && to == facts.bytes => {
                    buffer.truncate(start);
                    self.append(response, wanted, start, buffer)
                }
                Ok(Body::Whole(_)) => {
                    buffer.truncate(start);
                    return Ok(false);
                }
                Ok(Body::Range(response)) => self.append(response, wanted, start, buffer),
                Err(trouble) => Err(trouble),
            };
            if buffer.len() - start > done {
                patience = Patience::new(self);
            }
            if let Err(trouble) = failed {
                patience.wait(trouble)?;
            }
        }
        Ok(true)
    }

    /// The whole file once, from its beginning, piece by piece; a broken connection begins again.
    pub fn stream(&self, facts: &FileFacts, take: &mut dyn FnMut(u64, &[u8]) -> Result<()>) -> Result<()> {
        let what = facts.name.clone();
        let mut patience = Patience::new(self);
        'again: loop {
            let mut response = match self.send(&Method::GET, &facts.url, None, &what) {
                Ok(response) => response,
                Err(trouble) => {
                    patience.wait(trouble)?;
                    continue;
                }
            };
            let (mut offset, mut piece) = (0, vec![0; 1 << 20]);
            while offset < facts.bytes {
                if self.is_stopped() {
                    return Err(HubError::Stopped.into());
                }
                match response.read(&mut piece) {
                    Ok(count) if count > 0 && offset + count as u64 <= facts.bytes => {
                        take(offset, &piece[..count])?;
                        offset += count as u64;
                    }
                    other => {
                        let reason = other.map_or_else(|error| innermost(&error), |_| cut_off());
                        patience.wait(Trouble::Passing(Passing::Broken(reason), None))?;
                        continue 'again;
                    }
                }
            }
            return Ok(());
        }
    }

    fn append(
        &self,
        mut response: Response,
        wanted: usize,
        start: usize,
        buffer: &mut Vec<u8>,
    ) -> std::result::Result<(), Trouble> {
        let mut piece = vec![0; 1 << 16];
        while buffer.len() - start < wanted {
            if self.is_stopped() {
                return Err(Trouble::Final(HubError::Stopped));
            }
            let room = (wanted - (buffer.len() - start)).min(piece.len());
            match response.read(&mut piece[..room]) {
                Ok(0) => return Err(Trouble::Passing(Passing::Broken(cut_off()), None)),
                Ok(count) => buffer.extend_from_slice(&piece[..count]),
                Err(error) => return Err(broken(&error)),
            }
        }
        Ok(())
    }

    fn body(&self, facts: &FileFacts, from: u64, to: u64) -> std::result::Result<Body, Trouble> {
        let is_whole = from == 0 && to == facts.bytes;
        let range = (!is_whole).then_some((from, to));
        let response = self.send(&Method::GET, &facts.url, range, &facts.name)?;
        if response.status() != StatusCode::PARTIAL_CONTENT {
            return Ok(Body::Whole(response));
        }
        let given = response.headers().get("content-range").and_then(|value| value.to_str().ok());
        let wanted = format!("bytes {from}-");
        match given {
            Some(given) if given.starts_with(&wanted) => Ok(Body::Range(response)),
            other => {
                let reason = format!("asked for {wanted}, got {}", other.unwrap_or("no range"));
                Err(Trouble::Final(self.odd(&facts.name, &reason)))
            }
        }
    }

    /// One request and its redirects. A HEAD stops at the first redirect to another host: the answer before
    /// it is the one that describes the file.
    fn send(
        &self,
        method: &Method,
        url: &Url,
        range: Option<(u64, u64)>,
        what: &str,
    ) -> std::result::Result<Response, Trouble> {
        let mut url = url.clone();
        for _ in 0..MAX_HUB_REDIRECTS {
            if self.is_stopped() {
                return Err(Trouble::Final(HubError::Stopped));
            }
            let mut request = self.client.request(method.clone(), url.clone());
            if let Some((from, to)) = range {
                request = request.header(RANGE, format!("bytes={from}-{}", to - 1));
            }
            // Lengths and hashes are those of the bytes as they are stored.
            request = request.header("accept-encoding", "identity");
            if let Some(token) = self.token.as_ref().filter(|_| url.origin() == self.endpoint.origin()) {
                request = request.header(AUTHORIZATION, format!("Bearer {token}"));
            }
            let response = request.send().map_err(|error| broken(&error))?;
            let status = response.status();
            if !status.is_redirection() {
                return self.judged(response, what);
            }
            let next = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            let Some(next) = next.and_then(|next| url.join(next).ok()) else {
                return Err(self.redirect(what, "to nowhere".into()));
            };
            if *method == Method::HEAD && next.origin() != url.origin() {
                return Ok(response);
            }
            if url.scheme() == "https" && next.scheme() != "https" {
                return Err(self.redirect(what, format!("to an unprotected address ({next})")));
            }
            url = next;
        }
        Err(self.redirect(what, format!("more than {MAX_HUB_REDIRECTS} times")))
    }

    fn judged(&self, response: Response, what: &str) -> std::result::Result<Response, Trouble> {
        let status = response.status();
        let (what, endpoint) = (what.to_owned(), self.endpoint());
        match status.as_u16() {
            200 | 206 => Ok(response),
            408 | 429 | 500 | 502 | 503 | 504 => {
                Err(Trouble::Passing(Passing::Busy(status.as_u16()), told_wait(response.headers())))
            }
            status @ (401 | 403) => {
                let todo = if self.token.is_none() {
                    "it may be private, gated or misspelt: accept its terms on its page and set HF_TOKEN"
                } else {
                    "the token in HF_TOKEN may not read it: accept its terms on its page, or use another token"
                };
                Err(Trouble::Final(HubError::Denied { what, endpoint, status, todo }))
            }
            404 | 410 => Err(Trouble::Final(HubError::NotFound { what, endpoint })),
            status => Err(Trouble::Final(HubError::Status { what, endpoint, status })),
        }
    }

    fn patiently<T>(&self, mut attempt: impl FnMut() -> std::result::Result<T, Trouble>) -> Outcome<T> {
        let mut patience = Patience::new(self);
        loop {
            match attempt() {
                Ok(value) => return Ok(value),
                Err(trouble) => patience.wait(trouble)?,
            }
        }
    }

    fn address(&self, path: &str) -> Outcome<Url> {
        self.endpoint.join(path).map_err(|error| self.odd(path, &error.to_string()))
    }

    fn odd(&self, what: &str, reason: &str) -> HubError {
        HubError::Answer { what: what.to_owned(), endpoint: self.endpoint(), reason: reason.to_owned() }
    }

    fn redirect(&self, what: &str, reason: String) -> Trouble {
        Trouble::Final(HubError::Redirect { what: what.to_owned(), endpoint: self.endpoint(), reason })
    }
}

fn cut_off() -> String {
    "it was cut off".to_owned()
}

fn broken(error: &dyn std::error::Error) -> Trouble {
    Trouble::Passing(Passing::Broken(innermost(error)), None)
}

/// The innermost cause says most ("connection refused").
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

fn told_wait(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse::<u64>().ok()?;
    Some(Duration::from_secs(seconds))
}

/// How often something failed in a row, and how long to wait before the next try.
struct Patience<'a> {
    hub: &'a Hub<'a>,
    failures: u32,
}

impl<'a> Patience<'a> {
    fn new(hub: &'a Hub<'a>) -> Self {
        Self { hub, failures: 0 }
    }

    fn wait(&mut self, trouble: Trouble) -> Outcome<()> {
        let (passing, told) = match trouble {
            Trouble::Final(error) => return Err(error),
            Trouble::Passing(passing, told) => (passing, told),
        };
        self.failures += 1;
        if self.failures >= TRIES {
            let (endpoint, tries) = (self.hub.endpoint(), self.failures);
            return Err(match passing {
                Passing::Busy(status) => HubError::Busy { endpoint, status, tries },
                Passing::Broken(reason) => HubError::Connection { endpoint, reason, tries },
            });
        }
        let wait = told.unwrap_or(FIRST_WAIT * 2u32.pow(self.failures - 1)).min(LONGEST_WAIT);
        let until = Instant::now() + wait;
        while Instant::now() < until {
            if self.hub.is_stopped() {
                return Err(HubError::Stopped);
            }
            let left = until.saturating_duration_since(Instant::now());
            std::thread::sleep(left.min(Duration::from_millis(50)));
        }
        Ok(())
    }
}
