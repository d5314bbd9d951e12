//! Answers to plain requests: the page, who is here, and what a socket from the same place would meet.

use std::sync::LazyLock;
use std::sync::atomic::Ordering;

use foretune_core::limits;
use foretune_core::wire::{
    DIAGNOSE_PATH, Diagnosis, Finding, HEALTH_PATH, Health, Refusal, Rule, SOCKET_PATH, Versions, negotiate,
};
use warp::http::{Method, Response, StatusCode, header, response};
use warp::hyper::body::Bytes;

use super::guard::Guard;
use super::{Agent, log, page};

/// The page's own policy, sent with every file: a worker takes its policy from its own response, and only a
/// header can say who may frame the page.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let of_the_page = include_str!("../../../web/src/content-security-policy.txt").trim();
    format!("{of_the_page}; frame-ancestors 'none'")
});

/// What of a request counts here.
#[derive(Debug)]
pub struct Request {
    pub method: Method,
    pub path: String,
    pub query: String,
    pub host: Option<String>,
    pub origin: Option<String>,
    pub etag: Option<String>,
}

pub fn answer(agent: &Agent, request: &Request) -> Response<Bytes> {
    if let Err(refusal) = agent.guard.check_host(request.host.as_deref()) {
        return refuse(&refusal);
    }
    let is_public = [HEALTH_PATH, DIAGNOSE_PATH].contains(&request.path.as_str());
    match request.method {
        Method::GET | Method::HEAD => {}
        // A browser asks this before a page of another site may ask anything of this computer.
        Method::OPTIONS if is_public => return preflight(),
        _ => {
            let message = format!("{} is not answered here", request.method);
            return refuse(&Refusal::new(Rule::Method, message));
        }
    }
    match request.path.as_str() {
        HEALTH_PATH => {
            public(&Health { foretune: env!("CARGO_PKG_VERSION").to_owned(), versions: Versions::OURS })
        }
        DIAGNOSE_PATH => public(&diagnose(agent, request)),
        SOCKET_PATH => refuse(&Refusal::new(Rule::BadRequest, "this address speaks websocket only")),
        path => page::answer(path, request.etag.as_deref()),
    }
}

fn diagnose(agent: &Agent, request: &Request) -> Diagnosis {
    let finding = |found: String, refusal: Option<Refusal>| Finding { ok: refusal.is_none(), found, refusal };
    let Guarded { host, origin } = Guarded::of(&agent.guard, request);
    let asked = |name: &str| -> Option<u32> {
        let pairs = request.query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.into_iter().find(|(key, _)| *key == name).and_then(|(_, value)| value.parse().ok())
    };
    let version = asked("protocol").map(|protocol| {
        let min_version = asked("min_version").unwrap_or(protocol);
        let refusal = negotiate(Versions::OURS, Versions { protocol, min_version }).err();
        finding(format!("{min_version} to {protocol}"), refusal)
    });
    let clients = agent.hub.clients.load(Ordering::SeqCst);
    let most = limits::MAX_CLIENTS;
    let full = (clients >= most).then(|| Refusal::new(Rule::TooManyClients, format!("{clients} are open")));
    Diagnosis {
        foretune: env!("CARGO_PKG_VERSION").to_owned(),
        versions: Versions::OURS,
        host,
        origin,
        version: version.unwrap_or_else(|| finding("not asked".to_owned(), None)),
        clients: finding(format!("{clients} of {most}"), full),
    }
}

struct Guarded {
    host: Finding,
    origin: Finding,
}

impl Guarded {
    fn of(guard: &Guard, request: &Request) -> Self {
        let finding = |found: Option<&str>, refusal: Option<Refusal>| Finding {
            ok: refusal.is_none(),
            found: found.map_or("none".to_owned(), |text| text.chars().take(200).collect()),
            refusal,
        };
        let (host, origin) = (request.host.as_deref(), request.origin.as_deref());
        Self {
            host: finding(host, guard.check_host(host).err()),
            origin: finding(origin, guard.check_origin(origin).err()),
        }
    }
}

/// Nothing secret is in it, so every page may read it.
fn public(body: &impl serde::Serialize) -> Response<Bytes> {
    let body = serde_json::to_string(body).expect("answers have text keys only");
    with_common_headers(Response::builder(), "cross-origin")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")
        .header(header::CACHE_CONTROL, "no-store")
        .body(Bytes::from(body))
        .expect("constant headers are valid")
}

fn preflight() -> Response<Bytes> {
    with_common_headers(Response::builder().status(StatusCode::NO_CONTENT), "cross-origin")
        .header(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")
        .header(header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD")
        .header("access-control-allow-private-network", "true")
        .header(header::ACCESS_CONTROL_MAX_AGE, "60")
        .body(Bytes::new())
        .expect("constant headers are valid")
}

pub fn with_common_headers(builder: response::Builder, readers: &str) -> response::Builder {
    builder
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .header(header::REFERRER_POLICY, "no-referrer")
        .header("cross-origin-resource-policy", readers)
        .header(header::CONTENT_SECURITY_POLICY, POLICY.as_str())
}

pub fn refuse(refusal: &Refusal) -> Response<Bytes> {
    log::warn(&refusal.to_string());
    let mut body = serde_json::to_value(refusal).expect("a refusal is three texts");
    body["refused_by"] = refusal.rule.name().into();
    let status = StatusCode::from_u16(refusal.rule.http_status()).unwrap_or(StatusCode::FORBIDDEN);
    with_common_headers(Response::builder().status(status), "same-origin")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Bytes::from(body.to_string()))
        .expect("constant headers are valid")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(method: Method, path: &str, host: &str, origin: Option<&str>) -> Response<Bytes> {
        let state = tempfile::tempdir().unwrap();
        let agent = Agent::for_tests(state.path(), 7878);
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let request = Request {
            method,
            path: path.to_owned(),
            query: query.to_owned(),
            host: Some(host.to_owned()),
            origin: origin.map(str::to_owned),
            etag: None,
        };
        answer(&agent, &request)
    }

    fn json(response: &Response<Bytes>) -> serde_json::Value {
        serde_json::from_slice(response.body()).unwrap()
    }

    #[test]
    fn every_answer_carries_the_whole_policy() {
        for path in ["/", "/health", "/missing.js", "/v1/diagnose", "/v1/socket"] {
            let response = ask(Method::GET, path, "localhost:7878", None);
            let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
            for rule in ["default-src 'none'", "require-trusted-types-for 'script'", "frame-ancestors 'none'"]
            {
                assert!(policy.contains(rule), "{path}: {policy}");
            }
        }
    }

    #[test]
    fn refusals_say_which_rule_and_what_to_do() {
        let response = ask(Method::GET, "/", "evil.example", None);
        assert_eq!(response.status(), StatusCode::FORBIDDEN);
        let body = json(&response);
        assert_eq!(body["refused_by"], "host");
        assert!(body["fix"].as_str().unwrap().contains("http://127.0.0.1:7878/"), "{body}");
        for (method, path, host, status) in [
            (Method::POST, "/", "localhost:7878", StatusCode::METHOD_NOT_ALLOWED),
            (Method::OPTIONS, "/", "localhost:7878", StatusCode::METHOD_NOT_ALLOWED),
            (Method::OPTIONS, "/health", "evil.example", StatusCode::FORBIDDEN),
            (Method::GET, "/../../etc/passwd", "localhost:7878", StatusCode::NOT_FOUND),
            (Method::GET, "/%2e%2e/secret", "localhost:7878", StatusCode::NOT_FOUND),
            (Method::GET, "/v1/socket", "localhost:7878", StatusCode::BAD_REQUEST),
        ] {
            assert_eq!(ask(method, path, host, None).status(), status, "{path}");
        }
    }

    #[test]
    fn health_answers_every_page_and_the_browser_before_it() {
        let origin = Some("https://any.example");
        let response = ask(Method::GET, "/health", "127.0.0.1:7878", origin);
        assert_eq!(response.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert_eq!(json(&response)["foretune"], env!("CARGO_PKG_VERSION"));
        let response = ask(Method::OPTIONS, "/health", "127.0.0.1:7878", origin);
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        assert_eq!(response.headers()["access-control-allow-private-network"], "true");
    }

    #[test]
    fn diagnose_tells_a_page_why_its_socket_fails() {
        let origin = Some("https://new.example");
        let body =
            json(&ask(Method::GET, "/v1/diagnose?protocol=99&min_version=98", "localhost:7878", origin));
        assert_eq!(body["origin"]["refusal"]["rule"], "origin");
        assert!(
            body["origin"]["refusal"]["fix"].as_str().unwrap().contains("--allow-origin https://new.example")
        );
        assert_eq!(body["version"]["refusal"]["rule"], "agent_too_old");
        let body = json(&ask(Method::GET, "/v1/diagnose?protocol=1", "localhost:7878", None));
        assert!(
            ["host", "origin", "version", "clients"].iter().all(|part| body[part]["ok"] == true),
            "{body}"
        );
    }
}
