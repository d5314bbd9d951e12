//! The local server: loopback only, exact Host check before anything else, the page from the binary.
//! Jobs and the websocket are not here yet.

mod page;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::LazyLock;

use anyhow::{Context, Result};
use tokio::net::TcpListener;
use warp::http::{Method, Response, StatusCode, header};
use warp::hyper::body::Bytes;
use warp::path::FullPath;
use warp::{Filter, Reply};

use crate::terminal;

/// The page's own policy, sent with every file: a worker takes its policy from its own response, and only a
/// header can say who may frame the page.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let of_the_page = include_str!("../../../web/src/content-security-policy.txt").trim();
    format!("{of_the_page}; frame-ancestors 'none'")
});

/// Serves until Ctrl-C. `on_ready` gets the address to open.
pub async fn serve(port: u16, on_ready: impl FnOnce(&str)) -> Result<()> {
    let (listener, port) = listen(port).await?;
    let routes = routes(port);
    on_ready(&format!("http://127.0.0.1:{port}/"));
    // The same port on [::1] is a convenience: without IPv6 the server works all the same.
    if let Ok(second) = TcpListener::bind(SocketAddr::from((Ipv6Addr::LOCALHOST, port))).await {
        tokio::spawn(warp::serve(routes.clone()).incoming(second).run());
    }
    warp::serve(routes).incoming(listener).graceful(shutdown()).run().await;
    Ok(())
}

async fn listen(port: u16) -> Result<(TcpListener, u16)> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}; is another foretune running? Try another port: foretune serve --port {}", port.saturating_add(1))
    })?;
    let port = listener.local_addr().context("the listener has no address")?.port();
    Ok((listener, port))
}

async fn shutdown() {
    if tokio::signal::ctrl_c().await.is_err() {
        // Without a signal handler the server runs until it is killed.
        std::future::pending::<()>().await;
    }
    terminal::note("foretune: stopped");
}

fn routes(port: u16) -> impl Filter<Extract = (impl Reply,), Error = std::convert::Infallible> + Clone {
    warp::any()
        .and(warp::method())
        .and(warp::path::full())
        .and(warp::header::optional::<String>("host"))
        .and(warp::header::optional::<String>("if-none-match"))
        .map(move |method: Method, path: FullPath, host: Option<String>, etag: Option<String>| {
            answer(port, &method, path.as_str(), host.as_deref(), etag.as_deref())
        })
        .or(warp::any()
            .map(|| refuse(StatusCode::BAD_REQUEST, "bad_request", "the request's headers cannot be read")))
        .unify()
}

fn answer(port: u16, method: &Method, path: &str, host: Option<&str>, etag: Option<&str>) -> Response<Bytes> {
    if !host_is_ours(host, port) {
        let fix = format!("open http://127.0.0.1:{port}/ instead");
        return refuse(
            StatusCode::FORBIDDEN,
            "host",
            &format!("the Host header names another address; {fix}"),
        );
    }
    if *method != Method::GET && *method != Method::HEAD {
        return refuse(StatusCode::METHOD_NOT_ALLOWED, "method", "only GET and HEAD are answered here");
    }
    match path {
        "/health" => with_common_headers(Response::builder())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")
            .header(header::CACHE_CONTROL, "no-store")
            .body(Bytes::from(format!(r#"{{"foretune":"{}"}}"#, env!("CARGO_PKG_VERSION"))))
            .expect("constant headers are valid"),
        _ => page::answer(path, etag),
    }
}

/// A page of another site that points its name at 127.0.0.1 (DNS rebinding) carries its own name here.
fn host_is_ours(host: Option<&str>, port: u16) -> bool {
    host.is_some_and(|host| {
        ["127.0.0.1", "localhost", "[::1]"].iter().any(|name| {
            host.strip_prefix(name)
                .is_some_and(|rest| rest.strip_prefix(':').is_some_and(|rest| rest == port.to_string()))
        })
    })
}

fn with_common_headers(builder: warp::http::response::Builder) -> warp::http::response::Builder {
    builder
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .header(header::REFERRER_POLICY, "no-referrer")
        .header("cross-origin-resource-policy", "same-origin")
        .header(header::CONTENT_SECURITY_POLICY, POLICY.as_str())
}

fn refuse(status: StatusCode, rule: &str, message: &str) -> Response<Bytes> {
    let body = serde_json::json!({ "refused_by": rule, "message": message });
    with_common_headers(Response::builder().status(status))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Bytes::from(body.to_string()))
        .expect("constant headers are valid")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_addresses_are_hosts() {
        for host in ["127.0.0.1:7878", "localhost:7878", "[::1]:7878"] {
            assert!(host_is_ours(Some(host), 7878), "{host}");
        }
        for host in [
            "evil.example:7878",
            "127.0.0.1",
            "127.0.0.1:80",
            "localhost:78780",
            "localhost.evil.example:7878",
            "::1:7878",
            "",
        ] {
            assert!(!host_is_ours(Some(host), 7878), "{host}");
        }
        assert!(!host_is_ours(None, 7878));
    }

    #[test]
    fn every_answer_carries_the_whole_policy() {
        for path in ["/", "/health", "/missing.js"] {
            let response = answer(7878, &Method::GET, path, Some("localhost:7878"), None);
            let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
            for rule in ["default-src 'none'", "require-trusted-types-for 'script'", "frame-ancestors 'none'"]
            {
                assert!(policy.contains(rule), "{path}: {policy}");
            }
        }
    }

    #[test]
    fn refusals_say_which_rule_and_what_to_do() {
        let response = answer(7878, &Method::GET, "/", Some("evil.example"), None);
        assert_eq!(response.status(), StatusCode::FORBIDDEN);
        let body = String::from_utf8(response.body().to_vec()).unwrap();
        assert!(body.contains(r#""refused_by":"host""#) && body.contains("http://127.0.0.1:7878/"), "{body}");
        assert_eq!(
            answer(7878, &Method::POST, "/", Some("localhost:7878"), None).status(),
            StatusCode::METHOD_NOT_ALLOWED
        );
        assert_eq!(
            answer(7878, &Method::GET, "/../../etc/passwd", Some("localhost:7878"), None).status(),
            StatusCode::NOT_FOUND
        );
    }
}
