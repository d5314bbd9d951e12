//! The built page, from the table that the build script embeds. A path is looked up, never opened,
//! so there is nothing to traverse.

use foretune_core::hash::hash_bytes;
use foretune_core::wire::{Refusal, Rule};
use warp::http::{Response, StatusCode, header};
use warp::hyper::body::Bytes;

use super::plain::{refuse, with_common_headers};

mod embedded {
    include!(concat!(env!("OUT_DIR"), "/page_files.rs"));
}

pub fn is_built() -> bool {
    !embedded::FILES.is_empty()
}

/// Of all files with their names; nothing where there are none.
pub fn digest() -> Option<String> {
    let names_and_contents = embedded::FILES
        .iter()
        .fold(0, |digest, (name, content)| hash_bytes(content, hash_bytes(name.as_bytes(), digest)));
    is_built().then(|| format!("{names_and_contents:016x}"))
}

pub fn answer(path: &str, known_etag: Option<&str>) -> Response<Bytes> {
    let name = match path.trim_start_matches('/') {
        "" => "index.html",
        name => name,
    };
    let Ok(index) = embedded::FILES.binary_search_by_key(&name, |(name, _)| name) else {
        let message = if is_built() {
            "there is no such page"
        } else {
            "this binary was built without the page; build it with ./dev run"
        };
        return refuse(&Refusal::new(Rule::Path, message));
    };
    let content = embedded::FILES[index].1;
    let etag = format!("\"{:016x}\"", hash_bytes(content, 0));
    let builder = with_common_headers(Response::builder(), "same-origin")
        .header(header::CONTENT_TYPE, content_type(name))
        .header(header::CACHE_CONTROL, "no-cache")
        .header(header::ETAG, &etag);
    let (status, body) = if known_etag == Some(&etag) {
        (StatusCode::NOT_MODIFIED, Bytes::new())
    } else {
        (StatusCode::OK, Bytes::from_static(content))
    };
    builder.status(status).body(body).expect("constant headers are valid")
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, suffix)| suffix) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "wasm" => "application/wasm",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "jsonl" | "csv" | "txt" | "md" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
