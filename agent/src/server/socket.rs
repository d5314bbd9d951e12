//! One connection: the secret first, then requests and the logs it follows. It reads logs from the store at its own
//! pace, so what a slow client has not taken waits on disk and nowhere else.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use foretune_core::jobs::{Wish, thin};
use foretune_core::limits;
use foretune_core::wire::{
    ClientMessage, FromClient, FromServer, JobId, Refusal, Rule, ServerMessage, Versions, Welcome, negotiate,
    read_client,
};
use futures_util::{SinkExt, StreamExt};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, interval_at, sleep, timeout};
use warp::ws::{Message, WebSocket};

use super::guard::Caller;
use super::hub::Hub;
use super::secret::Shown;
use super::uploads::Pending;
use super::{Agent, arguments, log};
use crate::machine;

const SILENCE: Duration = Duration::from_millis(limits::SILENCE_MS);
/// For the answer to a client that says goodbye.
const FAREWELL: Duration = Duration::from_secs(1);
/// Close codes of RFC 6455.
const NORMAL: u16 = 1000;
const GOING_AWAY: u16 = 1001;
const POLICY: u16 = 1008;
const TOO_BIG: u16 = 1009;

/// The connection is over; the client was told why where it could be.
struct Over;

struct Connection {
    agent: Arc<Agent>,
    socket: WebSocket,
    caller: Caller,
    /// By job the sequence number to send next.
    follows: BTreeMap<JobId, u64>,
    uploads: Pending,
}

pub async fn serve(agent: Arc<Agent>, socket: WebSocket, caller: Caller, origin: String) {
    let uploads = Pending::new(agent.hub.uploads.clone());
    let mut connection = Connection { agent, socket, caller, follows: BTreeMap::new(), uploads };
    if connection.greet(&origin).await.is_ok() {
        let _ = connection.talk().await;
    }
    log::debug("a client has gone");
}

impl Connection {
    fn hub(&self) -> &Arc<Hub> {
        &self.agent.hub
    }

    /// The first message has to carry the secret, soon.
    async fn greet(&mut self, origin: &str) -> Result<(), Over> {
        let deadline = Duration::from_millis(limits::HELLO_DEADLINE_MS);
        let Ok(first) = timeout(deadline, self.next_text()).await else {
            let message = format!("nothing came for {} ms", limits::HELLO_DEADLINE_MS);
            return self.part(None, Refusal::new(Rule::HelloFirst, message), POLICY).await;
        };
        let Some(text) = first? else { return Err(Over) };
        let (id, message) = match read_client(&text) {
            Ok(FromClient { id, message }) => (id, message),
            Err((id, refusal)) => return self.part(id, refusal, POLICY).await,
        };
        let ClientMessage::Hello { versions, token, client } = message else {
            let message = format!("the first message was {:?}", message.name());
            return self.part(id, Refusal::new(Rule::HelloFirst, message), POLICY).await;
        };
        if let Some(left_ms) = self.hub().locked_for_ms(origin) {
            let message = format!("secrets are looked at again in {} s", left_ms.div_ceil(1000));
            return self.part(id, Refusal::new(Rule::Guessing, message), POLICY).await;
        }
        let Some(shown) = self.agent.secret.check(&token) else {
            self.hub().wrong_secret(origin);
            let message =
                if token.is_empty() { "no secret was sent" } else { "the secret is not this agent's" };
            return self.part(id, Refusal::new(Rule::Token, message), POLICY).await;
        };
        // After the secret: who is not paired learns nothing but what /health tells.
        let spoken = match negotiate(Versions::OURS, versions) {
            Ok(spoken) => spoken,
            Err(refusal) => return self.part(id, refusal, POLICY).await,
        };
        log::debug(&format!("a client is welcome: {client}"));
        let welcome = Welcome {
            versions: Versions::OURS,
            spoken,
            agent: env!("CARGO_PKG_VERSION").to_owned(),
            boot: self.agent.boot.clone(),
            token: (shown == Shown::Once).then(|| self.agent.secret.lasting().to_owned()),
            device: self.agent.device.clone(),
            models: machine::models(),
            kinds: arguments::kinds(),
            may_name_paths: self.caller != Caller::OtherPage,
            max_message_bytes: limits::MAX_CLIENT_MESSAGE_BYTES as u64,
            max_upload_bytes: limits::MAX_UPLOAD_BYTES,
        };
        self.answer(id, Ok(ServerMessage::Welcome(Box::new(welcome)))).await?;
        let list = self.hub().list(None);
        self.answer(None, list).await
    }

    async fn talk(&mut self) -> Result<(), Over> {
        let mut bell = self.hub().bell();
        let mut notices = self.hub().notices();
        let ping = Duration::from_millis(limits::PING_MS);
        let mut ping = interval_at(Instant::now() + ping, ping);
        let mut heard = Instant::now();
        let mut is_behind = false;
        loop {
            if self.hub().is_stopping() {
                let _ = self.send(&ServerMessage::Bye {}.into()).await;
                return self.close(GOING_AWAY, "the agent is being stopped").await;
            }
            tokio::select! {
                // In this order: a sign of life that waits, since sending took long, comes before the judgement that
                // there was none.
                biased;
                message = self.socket.next() => {
                    heard = Instant::now();
                    let Some(text) = self.take(message).await? else { continue };
                    self.hear(&text).await?;
                    is_behind = true;
                }
                notice = notices.recv() => match notice {
                    Ok(notice) => self.send(&notice).await?,
                    Err(RecvError::Lagged(_)) => {
                        let list = self.hub().list(None);
                        self.answer(None, list).await?;
                    }
                    Err(RecvError::Closed) => return Err(Over),
                },
                changed = bell.changed(), if !is_behind => {
                    if changed.is_err() {
                        return Err(Over);
                    }
                    is_behind = true;
                }
                _ = ping.tick() => {
                    if heard.elapsed() > SILENCE {
                        let refusal = Refusal::new(Rule::SlowClient, "no sign of life for a minute");
                        return self.part(None, refusal, POLICY).await;
                    }
                    self.send_raw(Message::ping("")).await?;
                }
                () = std::future::ready(()), if is_behind => is_behind = self.send_news().await?,
            }
        }
    }

    /// A batch for each job that it follows; whether there may be more.
    async fn send_news(&mut self) -> Result<bool, Over> {
        let mut more = false;
        let follows: Vec<(JobId, u64)> = self.follows.iter().map(|(job, from)| (*job, *from)).collect();
        for (job, from) in follows {
            if !self.hub().has_news(job, from) {
                continue;
            }
            more |= self.send_events(job, from).await?;
        }
        Ok(more)
    }

    async fn send_events(&mut self, job: JobId, from: u64) -> Result<bool, Over> {
        let events = match self.hub().events(job, from) {
            Ok(events) => events,
            Err(refusal) => return self.part(None, refusal, POLICY).await.map(|()| false),
        };
        let Some(last) = events.last().map(|event| event.seq) else { return Ok(false) };
        let is_full = events.len() == limits::REPLAY_EVENTS;
        for event in thin(events) {
            self.send(&ServerMessage::Event(event).into()).await?;
        }
        self.follows.insert(job, last + 1);
        Ok(is_full)
    }

    async fn hear(&mut self, text: &str) -> Result<(), Over> {
        let (id, message) = match read_client(text) {
            Ok(FromClient { id, message }) => (id, message),
            Err((id, refusal)) => return self.answer(id, Err(refusal)).await,
        };
        log::debug(&format!("asked: {}", message.name()));
        let hub = Arc::clone(self.hub());
        let job = |info| ServerMessage::Job { job: Box::new(info) };
        let answer = match message {
            ClientMessage::Hello { .. } => Err(Refusal::new(Rule::WrongState, "the secret was shown before")),
            ClientMessage::ListJobs { before } => hub.list(before),
            ClientMessage::Start { job: spec, .. }
                if self.caller == Caller::OtherPage && spec.names_paths() =>
            {
                Err(Refusal::new(Rule::PathFromPage, "the job names files of this computer"))
            }
            ClientMessage::Start { title, job: spec } => hub.submit(&title, &spec).map(job),
            ClientMessage::Cancel { job: which } => hub.ask(which, Wish::Cancel).map(job),
            ClientMessage::StopEarly { job: which } => hub.ask(which, Wish::StopEarly).map(job),
            ClientMessage::Pin { job } => hub.pin(job).map(|()| ServerMessage::Pinned { job }),
            ClientMessage::Forget { job } => hub.forget(job).map(|()| ServerMessage::Forgotten { job }),
            ClientMessage::Upload { upload, offset, text, last } => self
                .uploads
                .add(&upload, offset, &text, last)
                .map(|(received, data)| ServerMessage::Uploaded { upload, received, data }),
            ClientMessage::Subscribe { job, from } => return self.subscribe(id, job, from).await,
            ClientMessage::Unsubscribe { job } => {
                self.follows.remove(&job);
                Ok(ServerMessage::Unsubscribed { job })
            }
            ClientMessage::Ping {} => Ok(ServerMessage::Pong {}),
        };
        self.answer(id, answer).await
    }

    async fn subscribe(&mut self, id: Option<u64>, job: JobId, from: u64) -> Result<(), Over> {
        let from = from.max(1);
        if self.follows.len() >= limits::MAX_SUBSCRIPTIONS && !self.follows.contains_key(&job) {
            let message = format!("{} jobs are followed", self.follows.len());
            return self.answer(id, Err(Refusal::new(Rule::TooManySubscriptions, message))).await;
        }
        let subscribed =
            self.hub().info(job).map(|info| ServerMessage::Subscribed { job, from, last_seq: info.last_seq });
        let is_known = subscribed.is_ok();
        self.answer(id, subscribed).await?;
        if !is_known {
            return Ok(());
        }
        self.follows.insert(job, from);
        // What is there already; `has_news` tells of later ones.
        let mut next = from;
        while self.send_events(job, next).await? {
            next = self.follows.get(&job).copied().unwrap_or(u64::MAX);
        }
        Ok(())
    }

    /// The next text; `None` where the client has closed.
    async fn next_text(&mut self) -> Result<Option<String>, Over> {
        loop {
            let message = self.socket.next().await;
            if message.is_none() {
                return Ok(None);
            }
            if let Some(text) = self.take(message).await? {
                return Ok(Some(text));
            }
        }
    }

    /// The text of a message; `None` for what the protocol below answers by itself.
    async fn take(&mut self, message: Option<Result<Message, warp::Error>>) -> Result<Option<String>, Over> {
        match message {
            None => Err(Over),
            Some(Ok(message)) if message.is_text() => Ok(message.to_str().ok().map(str::to_owned)),
            Some(Ok(message)) if message.is_binary() => {
                let refusal = Refusal::new(Rule::NotText, "a binary message came");
                self.part(None, refusal, POLICY).await.map(|()| None)
            }
            Some(Ok(message)) if message.is_close() => {
                // The answer to it is queued: without it the client takes a farewell for a break.
                let _ = timeout(FAREWELL, self.socket.flush()).await;
                Err(Over)
            }
            Some(Ok(_)) => Ok(None),
            Some(Err(error)) => {
                let text = error.to_string();
                log::debug(&format!("a connection broke: {text}"));
                // The library's own bound, told by its text alone; that of control frames is the protocol's.
                let is_too_large = text.contains("too long") || text.contains("too big");
                if is_too_large && !text.to_ascii_lowercase().contains("control frame") {
                    let message = format!("at most {} bytes are read", limits::MAX_CLIENT_MESSAGE_BYTES);
                    let refusal = Refusal::new(Rule::MessageTooLarge, message);
                    return self.part(None, refusal, TOO_BIG).await.map(|()| None);
                }
                Err(Over)
            }
        }
    }

    async fn answer(&mut self, re: Option<u64>, answer: Result<ServerMessage, Refusal>) -> Result<(), Over> {
        let message = answer.unwrap_or_else(|refusal| {
            log::warn(&refusal.to_string());
            ServerMessage::Refused(refusal)
        });
        self.send(&FromServer { re, message }).await
    }

    /// Says why and closes.
    async fn part(&mut self, re: Option<u64>, refusal: Refusal, code: u16) -> Result<(), Over> {
        let rule = refusal.rule.name();
        let _ = self.answer(re, Err(refusal)).await;
        self.close(code, rule).await
    }

    async fn close(&mut self, code: u16, reason: &'static str) -> Result<(), Over> {
        let _ = self.send_raw(Message::close_with(code, reason)).await;
        if code != NORMAL {
            // Closed at once, with bytes of the client unread, the system would throw away what was just sent.
            sleep(Duration::from_millis(200)).await;
        }
        Err(Over)
    }

    async fn send(&mut self, message: &FromServer) -> Result<(), Over> {
        self.send_raw(Message::text(message.to_json())).await
    }

    async fn send_raw(&mut self, message: Message) -> Result<(), Over> {
        match timeout(SILENCE, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Over),
            Err(_) => {
                log::warn(&Refusal::new(Rule::SlowClient, "nothing was taken for a minute").to_string());
                Err(Over)
            }
        }
    }
}
