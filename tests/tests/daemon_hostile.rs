//! The rules of who may do what, as tables: each row is something that a hostile page, program or folder tries.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use foretune_tests::daemon::{Client, Daemon, eval_rows, probe, request, train_rows};
use foretune_tests::foretune;
use serde_json::{Value, json};

const PATHS: [&str; 5] = ["/", "/health", "/v1/diagnose", "/v1/socket", "/missing.js"];

#[test]
fn a_rebound_name_reaches_nothing() {
    let place = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(place.path(), &["--allow-origin", "https://foretune.example"]);
    let port = daemon.port;
    let hosts = [
        format!("evil.example:{port}"),
        format!("foretune.example:{port}"),
        format!("localhost.evil.example:{port}"),
        format!("127.0.0.1.nip.io:{port}"),
        format!("127.0.0.1@evil.example:{port}"),
        format!("0.0.0.0:{port}"),
        format!("127.1:{port}"),
        format!("2130706433:{port}"),
        format!("[::ffff:127.0.0.1]:{port}"),
        format!("LOCALHOST:{port}"),
        format!("localhost.:{port}"),
        "localhost".to_owned(),
        String::new(),
    ];
    for host in &hosts {
        for path in PATHS {
            // Rebound, the attacker's page is of the same origin as what it asks for.
            let origin = format!("http://{host}");
            let answered = request(port, "GET", path, &[("Host", host), ("Origin", &origin)]);
            assert_eq!((answered.status, &answered.json()["rule"]), (403, &json!("host")), "{host} {path}");
            assert!(!answered.head.contains("access-control"), "{answered:?}");
        }
        let refused = Client::connect(port, host, Some(&format!("http://{host}")));
        assert!(refused.is_err(), "{host} got a socket");
    }
    // Without the header, twice, and with another name in the request line.
    let own = format!("127.0.0.1:{port}");
    for raw in [
        "GET / HTTP/1.0\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\nConnection: close\r\n\r\n".to_owned(),
        format!("GET / HTTP/1.1\r\nHost: evil.example\r\nHost: {own}\r\nConnection: close\r\n\r\n"),
    ] {
        let status = raw_status(port, raw.as_bytes());
        assert!((400..=403).contains(&status), "{raw:?}: {status}");
    }
}

#[test]
fn a_form_or_script_of_another_page_changes_nothing_and_reads_nothing() {
    let place = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(place.path(), &[]);
    let host = format!("127.0.0.1:{}", daemon.port);
    for method in ["POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"] {
        for content in
            ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data", "application/json"]
        {
            for path in PATHS {
                let headers = [
                    ("Host", host.as_str()),
                    ("Origin", "https://evil.example"),
                    ("Content-Type", content),
                    ("Content-Length", "0"),
                ];
                let answered = request(daemon.port, method, path, &headers);
                assert_eq!(
                    (answered.status, &answered.json()["rule"]),
                    (405, &json!("method")),
                    "{method} {path}"
                );
                assert!(!answered.head.contains("access-control"), "{answered:?}");
            }
        }
    }
    // What a page of another site may read is public; the rest carries no permission to be read.
    for (path, is_public) in [
        ("/", false),
        ("/health", true),
        ("/v1/diagnose", true),
        ("/missing.js", false),
        ("/v1/socket", false),
    ] {
        let answered = daemon.get(path, &[("Origin", "https://evil.example")]);
        assert_eq!(answered.head.contains("access-control-allow-origin"), is_public, "{path}");
        assert!(!answered.head.contains("access-control-allow-credentials"), "{path}");
        let readers = if is_public { "cross-origin" } else { "same-origin" };
        assert!(answered.head.contains(&format!("cross-origin-resource-policy: {readers}")), "{path}");
        assert!(!answered.head.contains("set-cookie"), "nothing that a browser would send by itself");
        // A hostile page that frames ours, or a browser that guesses types.
        for rule in
            ["frame-ancestors 'none'", "x-content-type-options: nosniff", "referrer-policy: no-referrer"]
        {
            assert!(answered.head.contains(rule), "{path}: {rule}");
        }
    }
    // A program that says nothing of where it comes from still needs the secret.
    assert_eq!(daemon.connect(None).unwrap().hello("")["rule"], "token");
}

#[test]
fn no_spelling_of_a_path_leaves_the_page() {
    let place = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(place.path(), &[]);
    for path in [
        "/../secret",
        "/..%2fsecret",
        "/%2e%2e/secret",
        "/%2e%2e%2fsecret",
        "/..%5csecret",
        "/..\\secret",
        "/....//secret",
        "/%252e%252e/secret",
        "/./../secret",
        "//etc/passwd",
        "///",
        "/etc/passwd",
        "/secret",
        "/daemon.json",
        "/foretune.sqlite3",
        "/index.html/../../secret",
        "/index.html%00.js",
        "/%c0%ae%c0%ae/secret",
        "/.",
        "/~root",
        "/jobs/1/trace.jsonl",
        "/uploads/",
        "/v1/socket/../../secret",
        "/health/../secret",
        "/C:/secret",
    ] {
        let answered = daemon.get(path, &[]);
        // "///" is the page itself, or says that there is none in this build.
        assert!(answered.status == 404 || (path == "///" && answered.status == 200), "{path}: {answered:?}");
        assert!(!answered.body.contains(&daemon.token), "{path}");
    }
}

/// Every parameter of every job that names a file, a folder or a model.
fn jobs_with(path: &str) -> Vec<Value> {
    let at = json!({"path": path});
    let upload = json!({"upload": "u-00000000000000000000000000000000"});
    vec![
        json!({"kind": "check", "data": at}),
        json!({"kind": "check", "data": upload, "eval": at}),
        json!({"kind": "probe", "data": at, "model": "tiny"}),
        json!({"kind": "probe", "data": upload, "eval": at, "model": "tiny"}),
        json!({"kind": "probe", "data": upload, "model": path}),
        json!({"kind": "tune", "data": at, "eval": upload, "model": "tiny"}),
        json!({"kind": "tune", "data": upload, "eval": at, "model": "tiny"}),
        json!({"kind": "tune", "data": upload, "eval": upload, "dev": at, "model": "tiny"}),
        json!({"kind": "tune", "data": upload, "eval": upload, "model": path}),
        json!({"kind": "collect", "sweep": path, "runs": "/nowhere"}),
        json!({"kind": "collect", "sweep": "/nowhere", "runs": path}),
        json!({"kind": "fit", "runs": path, "out": "/nowhere"}),
        json!({"kind": "fit", "runs": "/nowhere", "out": path}),
        json!({"kind": "fit", "runs": "/nowhere", "out": "/nowhere", "report": path}),
        json!({"kind": "pull", "model": path}),
    ]
}

#[test]
fn no_parameter_of_a_job_takes_a_page_of_another_site_to_a_file() {
    let place = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(place.path(), &["--allow-origin", "https://foretune.example"]);
    let mut page = daemon.connect(Some("https://foretune.example")).unwrap();
    page.hello(&daemon.token);
    for path in
        ["/etc/passwd", "../secret", "~/.ssh/id_rsa", "./x", "..", "C:\\x", "file:///etc/passwd", "a/../../b"]
    {
        for job in jobs_with(path) {
            let answer = page.ask(json!({"type": "start", "job": job}));
            assert_eq!(answer["rule"], "path_from_page", "{job}: {answer}");
        }
    }
    // Its own page may name whole paths; anything else is no path of this computer.
    let mut own = daemon.client();
    for path in ["", "rows.jsonl", "../secret", "~/x", "-", "--help", "/no/such/file", "/etc/\u{0}passwd"] {
        for job in jobs_with(path) {
            let names_data = job["kind"] != "pull" && job["model"] != path;
            let answer = own.ask(json!({"type": "start", "job": job}));
            if names_data {
                assert_eq!(answer["type"], "refused", "{job}: {answer}");
            }
        }
    }
    for name in
        ["../secret", "u-../../secret", "u-", "secret", "u-0000000000000000000000000000000G", "/etc/passwd"]
    {
        let job = json!({"kind": "check", "data": {"upload": name}});
        assert_eq!(own.ask(json!({"type": "start", "job": job}))["rule"], "unknown_upload", "{name}");
    }
}

#[test]
fn what_strangers_write_forges_no_line_of_the_log_and_no_header() {
    let place = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(place.path(), &[]);
    let forged = "x\r\n2026-01-01T00:00:00Z error forged\u{1b}[31m\u{85}forged";
    let mut client = daemon.connect(None).unwrap();
    let hello =
        json!({"type": "hello", "protocol": 1, "min_version": 1, "token": daemon.token, "client": forged});
    assert_eq!(client.ask(hello)["type"], "welcome");
    client.hear();
    let data = client.upload(&train_rows());
    for message in [
        json!({"type": "start", "title": forged, "job": {"kind": "check", "data": {"upload": forged}}}),
        json!({"type": "start", "title": forged, "job": {"kind": "probe", "data": data, "model": forged}}),
        json!({"type": forged}),
        json!({"type": "upload", "upload": forged, "offset": 9, "text": forged, "last": true}),
    ] {
        client.ask(message);
    }
    drop(client);
    let host = format!("127.0.0.1:{}", daemon.port);
    for raw in [
        format!(
            "GET /health HTTP/1.1\r\nHost: {host}\r\nOrigin: https://a\x1b[31m\r\nConnection: close\r\n\r\n"
        ),
        format!("GET /%0d%0aSet-Cookie:forged=1 HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"),
        format!(
            "GET /v1/diagnose?protocol=1%0d%0aSet-Cookie:forged=1 HTTP/1.1\r\nHost: {host}\r\nOrigin: https://a b\r\nConnection: close\r\n\r\n"
        ),
    ] {
        let text = raw_answer(daemon.port, raw.as_bytes());
        let head = text.split("\r\n\r\n").next().unwrap().to_ascii_lowercase();
        assert!(!head.contains("set-cookie") && !head.contains('\x1b'), "{head}");
    }
    let long = "a".repeat(20_000);
    let answered = daemon.get("/health", &[("Origin", &format!("https://{long}.example"))]);
    assert!(answered.status == 200 || answered.status == 431, "{}", answered.status);
    let log = daemon.log();
    for line in log.lines() {
        let is_ours = line.starts_with("20") && line[..20].ends_with('Z')
            || line.starts_with("Foretune")
            || line.starts_with("this binary")
            || line.starts_with("pair a page");
        assert!(is_ours && !line.contains("Z error forged\u{1b}"), "{line:?}");
    }
    assert!(
        !log.contains('\x1b')
            && !log.contains('\u{85}')
            && !log.lines().any(|line| line.starts_with("2026-01-01")),
        "{log}"
    );
    assert!(!log.contains(&daemon.token));
}

#[test]
fn what_is_kept_is_closed_to_others_whatever_the_umask() {
    let place = tempfile::tempdir().unwrap();
    let state = place.path().join("state");
    let serve = Daemon::command(&state);
    let mut open = Command::new("sh");
    open.args(["-c", "umask 000; exec \"$0\" \"$@\""]).arg(serve.get_program()).args(serve.get_args());
    // Made by the daemon itself, unlike in other tests.
    let finished = foretune(&["serve", "--link", "--state", state.to_str().unwrap()]);
    assert_eq!(finished.code, 2);
    fs::create_dir(&state).unwrap();
    fs::set_permissions(&state, fs::Permissions::from_mode(0o755)).unwrap();
    let daemon = Daemon::of(&state, open);
    let mut client = daemon.client();
    let data = client.upload(&train_rows());
    let eval = client.upload(&eval_rows());
    let job = client.start(&probe(&data, &eval, 25));
    client.subscribe(job, 1);
    client.events_to_the_end(job);
    let mut seen = 0;
    for (name, mode) in [
        ("secret", 0o600),
        ("daemon.json", 0o600),
        ("foretune.sqlite3", 0o600),
        ("foretune.sqlite3-wal", 0o600),
        ("foretune.sqlite3-shm", 0o600),
        ("uploads", 0o700),
        ("jobs", 0o700),
        ("jobs/1", 0o700),
    ] {
        let Ok(metadata) = fs::metadata(state.join(name)) else { continue };
        assert_eq!(metadata.permissions().mode() & 0o777, mode, "{name}");
        seen += 1;
    }
    assert!(seen >= 6, "{seen} of them are there");
    for entry in fs::read_dir(state.join("uploads")).unwrap() {
        assert_eq!(entry.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn a_hostile_model_folder_is_refused_and_shows_nothing_of_what_it_points_to() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    fs::write(at("secret.txt"), "hunter2 is the password\n").unwrap();
    fs::write(at("rows.jsonl"), train_rows()).unwrap();
    assert!(Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
    let base = foretune_tests::repository_root().join("lab/base");
    for (file, target) in [
        ("config.json", at("secret.txt")),
        ("config.json", "/dev/zero".into()),
        ("config.json", at("pipe")),
        ("tokenizer.json", "/dev/zero".into()),
        ("tokenizer.json", at("secret.txt")),
        ("tokenizer_config.json", at("pipe")),
        ("model.safetensors", at("secret.txt")),
        ("model.safetensors", "/dev/zero".into()),
        ("model.safetensors", at("pipe")),
        ("model.safetensors.index.json", "/dev/zero".into()),
        ("model.safetensors.index.json", at("secret.txt")),
    ] {
        let folder = at("model");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        for own in ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"] {
            fs::copy(base.join(own), folder.join(own)).unwrap();
        }
        let _ = fs::remove_file(folder.join(file));
        symlink(&target, folder.join(file)).unwrap();
        refused(&folder, &at("rows.jsonl"), &format!("{file} -> {}", target.display()));
    }
    for shard in ["../secret.txt", "/etc/passwd", "a/../../secret.txt", ""] {
        let folder = at("model");
        let _ = fs::remove_file(folder.join("model.safetensors.index.json"));
        let index = json!({"weight_map": {"model.embed_tokens.weight": shard}}).to_string();
        fs::write(folder.join("model.safetensors.index.json"), index).unwrap();
        refused(&folder, &at("rows.jsonl"), shard);
    }
}

fn refused(model: &std::path::Path, rows: &std::path::Path, what: &str) {
    let words = [
        "probe",
        rows.to_str().unwrap(),
        "--model",
        model.to_str().unwrap(),
        "--device",
        "cpu",
        "--steps",
        "1",
    ];
    let finished = foretune(&words);
    assert_eq!(finished.code, 2, "{what}: {finished:?}");
    assert!(!finished.stderr.contains("hunter2"), "{what}: {}", finished.stderr);
}

fn raw_answer(port: u16, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn raw_status(port: u16, bytes: &[u8]) -> u16 {
    raw_answer(port, bytes).split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}
