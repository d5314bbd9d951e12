//! Who may use a daemon, and what it says to everyone else.

use std::fs;

use foretune_tests::daemon::{Client, Daemon, eval_rows, link, probe, request, train_rows};
use foretune_tests::foretune;
use serde_json::{Value, json};
use tungstenite::Message;

#[test]
fn plain_requests_are_judged_by_host_then_method_then_path() {
    let place = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(place.path(), &[]);
    let own = format!("127.0.0.1:{}", daemon.port);
    let rebound = format!("evil.example:{}", daemon.port);
    for (method, path, host, status, rule) in [
        ("GET", "/health", own.as_str(), 200, ""),
        ("GET", "/health", &format!("localhost:{}", daemon.port), 200, ""),
        ("OPTIONS", "/health", &own, 204, ""),
        ("GET", "/v1/diagnose", &own, 200, ""),
        ("GET", "/health", &rebound, 403, "host"),
        ("OPTIONS", "/health", &rebound, 403, "host"),
        ("GET", "/", "127.0.0.1", 403, "host"),
        ("GET", "/", "127.0.0.1:1", 403, "host"),
        ("GET", "/../../../etc/passwd", &own, 404, "path"),
        ("GET", "/..%2f..%2fetc%2fpasswd", &own, 404, "path"),
        ("GET", "/secret", &own, 404, "path"),
        ("POST", "/health", &own, 405, "method"),
        ("DELETE", "/", &own, 405, "method"),
        ("GET", "/v1/socket", &own, 400, "bad_request"),
    ] {
        let answered = request(daemon.port, method, path, &[("Host", host)]);
        assert_eq!(answered.status, status, "{method} {path} {host}: {answered:?}");
        if !rule.is_empty() {
            let body = answered.json();
            assert_eq!(body["rule"], rule, "{method} {path} {host}");
            assert!(body["fix"].as_str().is_some_and(|fix| fix.len() > 10), "{body}");
        }
    }
    let health = daemon.get("/health", &[("Origin", "https://any.example")]);
    assert!(health.head.contains("access-control-allow-origin: *"), "{health:?}");
    assert!(!health.body.contains(&daemon.token));
    let diagnosis = daemon.get("/v1/diagnose?protocol=1", &[("Origin", "https://any.example")]);
    assert_eq!(diagnosis.json()["origin"]["refusal"]["rule"], "origin");
    assert!(!diagnosis.body.contains(&daemon.token));
}

#[test]
fn a_socket_is_judged_by_host_then_origin_before_it_opens() {
    let place = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(place.path(), &["--allow-origin", "https://foretune.example/"]);
    let own = format!("127.0.0.1:{}", daemon.port);
    let rebound = format!("evil.example:{}", daemon.port);
    let own_origin = daemon.own_origin();
    for (host, origin, rule) in [
        (own.as_str(), None, ""),
        (&own, Some(own_origin.as_str()), ""),
        (&own, Some("https://foretune.example"), ""),
        (&own, Some("https://foretune.example.evil.example"), "origin"),
        (&own, Some("http://foretune.example"), "origin"),
        (&own, Some("null"), "origin"),
        (&own, Some("http://127.0.0.1:1"), "origin"),
        // Rebound: the attacker's name in both.
        (&rebound, Some("http://evil.example"), "host"),
        (&rebound, None, "host"),
        (&rebound, Some(own_origin.as_str()), "host"),
    ] {
        match Client::connect(daemon.port, host, origin) {
            Ok(mut client) => {
                assert_eq!(rule, "", "{host} {origin:?} was let in");
                assert_eq!(client.hello(&daemon.token)["type"], "welcome");
            }
            Err(refused) => {
                assert_eq!(refused.body["rule"], rule, "{host} {origin:?}: {refused:?}");
                assert_eq!(refused.status, 403);
            }
        }
    }
}

#[test]
fn the_first_message_decides() {
    let place = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(place.path(), &[]);
    let hello = |protocol: u32, min_version: u32, token: &str| {
        json!({"type": "hello", "protocol": protocol, "min_version": min_version, "token": token}).to_string()
    };
    let token = daemon.token.as_str();
    for (first, rule) in [
        (hello(1, 1, token), ""),
        // Newer, but it still speaks what we do.
        (hello(9, 1, token), ""),
        (hello(1, 1, ""), "token"),
        (hello(1, 1, &token[1..]), "token"),
        (hello(1, 1, &format!("{token}0")), "token"),
        (hello(9, 8, token), "agent_too_old"),
        (hello(0, 0, token), "client_too_old"),
        // Without the secret nothing is said of versions.
        (hello(9, 8, "no"), "token"),
        (json!({"type": "hello", "protocol": 1, "min_version": 1}).to_string(), "malformed"),
        (json!({"type": "list_jobs"}).to_string(), "hello_first"),
        ("{".to_owned(), "malformed"),
        (json!({"type": "format_disk"}).to_string(), "unknown_message"),
    ] {
        let mut client = daemon.connect(None).unwrap();
        client.say_raw(Message::text(first.clone()));
        let answer = client.read().unwrap();
        if rule.is_empty() {
            assert_eq!(answer["type"], "welcome", "{first}: {answer}");
            assert_eq!(answer["spoken"], 1);
        } else {
            assert_eq!((&answer["type"], &answer["rule"]), (&json!("refused"), &json!(rule)), "{first}");
            assert!(client.read().is_none(), "{first}: the connection stays open");
        }
    }
    let mut client = daemon.connect(None).unwrap();
    client.say_raw(Message::binary(vec![1, 2, 3]));
    assert_eq!(client.read().unwrap()["rule"], "not_text");
    assert!(!daemon.log().contains(token), "the secret stands in the log");
}

#[test]
fn a_message_of_ten_megabytes_ends_its_connection_and_nothing_else() {
    let place = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(place.path(), &[]);
    let mut other = daemon.client();
    for is_paired in [false, true] {
        let mut client = if is_paired { daemon.client() } else { daemon.connect(None).unwrap() };
        let text = json!({"type": "ping", "filling": "x".repeat(10 << 20)}).to_string();
        // The daemon stops reading at the bound, so that sending it may fail.
        let _ = client.try_say(Message::text(text));
        while let Some(answer) = client.read() {
            assert_eq!(answer["rule"], "message_too_large", "{answer}");
        }
    }
    assert_eq!(other.ask(json!({"type": "ping"}))["type"], "pong");
    // Just below it is read.
    let text = json!({"id": 7, "type": "ping", "filling": "x".repeat((1 << 20) - 100)}).to_string();
    other.say_raw(Message::text(text));
    assert_eq!(other.hear()["re"], 7);
}

#[test]
fn guessing_is_cut_off_for_its_origin_alone() {
    let place = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(place.path(), &[]);
    let rules: Vec<Value> = (0..12)
        .map(|number| {
            let mut client = daemon.connect(None).unwrap();
            client.hello(&format!("{number:064x}"))["rule"].clone()
        })
        .collect();
    assert!(rules[..10].iter().all(|rule| rule == "token"), "{rules:?}");
    assert!(rules[10..].iter().all(|rule| rule == "guessing"), "{rules:?}");
    assert_eq!(daemon.connect(None).unwrap().hello(&daemon.token)["rule"], "guessing");
    let mut page = daemon.connect(Some(&daemon.own_origin())).unwrap();
    assert_eq!(page.hello(&daemon.token)["type"], "welcome");
}

#[test]
fn a_page_of_another_site_hands_rows_over_and_names_no_files() {
    let place = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(&place.path().join("state"), &["--allow-origin", "https://foretune.example"]);
    let mut page = daemon.connect(Some("https://foretune.example")).unwrap();
    assert_eq!(page.hello(&daemon.token)["may_name_paths"], false);
    let file = place.path().join("rows.jsonl");
    fs::write(&file, train_rows()).unwrap();
    let path = json!({"path": file});
    let answer = page.ask(json!({"type": "start", "job": {"kind": "check", "data": path}}));
    assert_eq!(answer["rule"], "path_from_page");
    let data = page.upload(&train_rows());
    let job = page.start(&json!({"kind": "check", "data": data}));
    page.subscribe(job, 1);
    assert_eq!(page.events_to_the_end(job).last().unwrap()["kind"], "done");
    // The agent's own clients may.
    let mut program = daemon.client();
    program.start(&json!({"kind": "check", "data": path}));
}

#[test]
fn what_cannot_be_done_is_refused_by_its_rule() {
    let place = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(place.path(), &[]);
    let mut client = daemon.client();
    let data = client.upload(&train_rows());
    let eval = client.upload(&eval_rows());
    let start = |job: Value| json!({"type": "start", "job": job});
    let mut spoiled = probe(&data, &eval, 5);
    spoiled["recipe"]["learning_speed"] = 1.into();
    let mut fingerprint = probe(&data, &eval, 5);
    fingerprint["sampled"] = json!({"rows": 5, "fingerprint": "--help"});
    for (message, rule) in [
        (json!({"type": "subscribe", "job": 99, "from": 1}), "unknown_job"),
        (json!({"type": "cancel", "job": 99}), "unknown_job"),
        (json!({"type": "pin", "job": 99}), "unknown_job"),
        (json!({"type": "hello", "protocol": 1, "min_version": 1, "token": "x"}), "wrong_state"),
        (start(json!({"kind": "check", "data": {"upload": "../secret"}})), "unknown_upload"),
        (start(json!({"kind": "check", "data": {"path": "rows.jsonl"}})), "bad_job"),
        (start(json!({"kind": "check", "data": {"path": "/no/such/file"}})), "bad_job"),
        (start(fingerprint), "bad_job"),
        (start(spoiled), "malformed"),
        (start(json!({"kind": "dance"})), "malformed"),
        (json!({"type": "upload", "upload": "a", "offset": 5, "text": "x", "last": false}), "upload_gap"),
    ] {
        let answer = client.ask(message.clone());
        assert_eq!(
            (&answer["type"], &answer["rule"]),
            (&json!("refused"), &json!(rule)),
            "{message}: {answer}"
        );
    }
    // The connection has outlived all of it.
    assert_eq!(client.ask(json!({"type": "ping"}))["type"], "pong");
}

#[test]
fn a_folder_has_one_daemon_and_a_secret_of_its_own() {
    let place = tempfile::tempdir().unwrap();
    let state = place.path().to_str().unwrap();
    let finished = foretune(&["serve", "--link", "--state", state]);
    assert_eq!(finished.code, 2, "{finished:?}");
    let mut daemon = Daemon::start(place.path(), &["--allow-origin", "https://foretune.example"]);
    let second = foretune(&["serve", "--port", "0", "--state", state]);
    assert_eq!(second.code, 2);
    assert!(second.stderr.contains("another foretune serves from"), "{second:?}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(place.path().join("secret")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let links = link(place.path());
    let hosted = links.lines().nth(1).unwrap();
    assert!(hosted.starts_with("https://foretune.example/#pair="), "{links}");
    assert!(hosted.ends_with(&format!("&agent=127.0.0.1:{}", daemon.port)), "{links}");
    let old = daemon.token.clone();
    assert_eq!(daemon.terminate(), 0);
    let again = Daemon::start(place.path(), &[]);
    assert_eq!(again.token, old);
    drop(again);
    let renewed = Daemon::start(place.path(), &["--new-secret"]);
    assert_eq!(renewed.connect(None).unwrap().hello(&old)["rule"], "token");
}

#[test]
fn the_doctor_and_the_unit_say_what_this_machine_can_do() {
    let place = tempfile::tempdir().unwrap();
    let state = place.path().join("state");
    let finished = foretune(&["doctor", "--json", "--state", state.to_str().unwrap()]);
    let report = finished.json();
    assert_eq!(finished.code, 0, "{report}");
    assert!(report["device"]["cores"].as_u64().unwrap() >= 1);
    assert_eq!(report["models"][0]["name"], "tiny");
    let names: Vec<&str> =
        report["checks"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["GPU", "free memory", "state folder", "port", "model", "page"]);
    assert!(!state.exists());
    if cfg!(target_os = "linux") {
        let output = std::process::Command::new(foretune_tests::foretune_binary())
            .args(["serve", "--install", "--port", "7999", "--allow-origin", "https://foretune.example"])
            .env("XDG_CONFIG_HOME", place.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let unit = fs::read_to_string(place.path().join("systemd/user/foretune.service")).unwrap();
        assert!(unit.contains("serve --port=7999 --allow-origin=https://foretune.example"), "{unit}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("systemctl --user"), "{output:?}");
    }
}
