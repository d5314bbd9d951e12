//! `foretune models` with the real binary against a hub of our own that fails in every way a hub can.
#![expect(clippy::unwrap_used, reason = "a test's helpers may fail the test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use foretune_tests::hub::{COMMIT, Fault, Request, TestHub, large_files, tiny_files};
use foretune_tests::lab::{wait_for, whole_lines};

const NAME: &str = "someone/model";
const CHUNK: usize = 8 << 20;
const LARGE: usize = 4 * CHUNK + 12_345;

fn blobs(cache: &Path) -> PathBuf {
    cache.join("hub/models--someone--model/blobs")
}

fn snapshot(cache: &Path) -> PathBuf {
    cache.join("hub/models--someone--model/snapshots").join(COMMIT)
}

/// The files under the blobs' folder that are no whole blobs.
fn leftovers(cache: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(blobs(cache)) else { return Vec::new() };
    let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    names.filter(|name| name.contains("foretune") || name.starts_with('.')).collect()
}

fn weights_requests(log: &[Request]) -> Vec<&Request> {
    let is_one = |request: &&Request| {
        request.is_store && request.method == "GET" && request.path.contains("model.safetensors")
    };
    log.iter().filter(is_one).collect()
}

#[test]
fn a_model_is_pulled_listed_verified_and_trained() {
    let cache = tempfile::tempdir().unwrap();
    let hub = TestHub::start(NAME, tiny_files());
    let offline = |arguments: &[&str]| {
        let output = hub.command(cache.path(), arguments).env("HF_HUB_OFFLINE", "1").output().unwrap();
        foretune_tests::finished(output)
    };
    let refused = offline(&["models", "pull", NAME]);
    assert!(refused.code == 2 && refused.stderr.contains("HF_HUB_OFFLINE"), "{refused:?}");

    let pulled = hub.run(cache.path(), &["models", "pull", NAME, "--json"]);
    assert_eq!(pulled.code, 0, "{pulled:?}");
    let told = pulled.json();
    assert_eq!(told["commit"], COMMIT);
    for file in told["files"].as_array().unwrap() {
        let name = file["name"].as_str().unwrap();
        let path = snapshot(cache.path()).join(name);
        assert_eq!(fs::read(&path).unwrap(), hub.file(name));
        let kind = if hub.file(name).len() >= 4096 { "sha256" } else { "git-sha1" };
        assert_eq!(file["verified"], kind, "{name}");
    }
    let main = fs::read_to_string(cache.path().join("hub/models--someone--model/refs/main")).unwrap();
    assert_eq!(main, COMMIT, "Python reads this file without trimming it");
    assert_eq!(leftovers(cache.path()), Vec::<String>::new());

    hub.take_log();
    let again = hub.run(cache.path(), &["models", "pull", NAME, "--json"]);
    assert_eq!(again.json()["fetched_bytes"], 0);
    assert!(
        hub.take_log().iter().all(|request| request.method == "HEAD" || request.path.starts_with("/api/"))
    );
    assert_eq!(offline(&["models", "pull", NAME]).code, 0);
    let listed = hub.run(cache.path(), &["models", "list", "--json"]).json();
    assert!(listed["models"][0]["complete"] == true && listed["models"][0]["refs"][0] == "main", "{listed}");
    assert_eq!(hub.run(cache.path(), &["models", "verify", "--json"]).json()["bad"], 0);

    let row =
        |i: usize| format!("{{\"instruction\": \"say {i}\", \"output\": \"{}\"}}", ["even", "odd"][i % 2]);
    let rows: Vec<String> = (0..40).map(row).collect();
    let file = cache.path().join("rows.jsonl");
    fs::write(&file, rows.join("\n")).unwrap();
    let probe = [
        "probe",
        file.to_str().unwrap(),
        "--model",
        NAME,
        "--steps",
        "2",
        "--batch",
        "4",
        "--device",
        "cpu",
        "--json",
    ];
    let probed = hub.run(cache.path(), &probe);
    assert_eq!((probed.code, probed.json()["steps"].as_u64()), (0, Some(2)), "{probed:?}");

    let link = snapshot(cache.path()).join("model.safetensors");
    let blob = snapshot(cache.path()).join(fs::read_link(&link).unwrap());
    let mut bent = fs::read(&blob).unwrap();
    bent[100_000] ^= 1;
    fs::write(&blob, bent).unwrap();
    let changed = hub.run(cache.path(), &["models", "verify", NAME, "--json"]);
    assert!(changed.code == 1 && changed.stdout.contains("\"changed\""), "{changed:?}");
}

#[test]
fn broken_connections_busy_answers_and_one_wrong_byte_are_survived() {
    let hub = TestHub::start(NAME, large_files(LARGE));
    let pull = |what: &str| {
        let cache = tempfile::tempdir().unwrap();
        let pulled = hub.run(cache.path(), &["models", "pull", NAME, "--json"]);
        assert_eq!(pulled.code, 0, "{what}: {pulled:?}");
        let got = fs::read(snapshot(cache.path()).join("model.safetensors")).unwrap();
        assert!(got == hub.file("model.safetensors"), "{what}: the bytes differ");
        assert_eq!(leftovers(cache.path()), Vec::<String>::new(), "{what}");
        hub.take_log()
    };
    hub.fail(|request, _| if request.is_store { Fault::CutAfter(3 << 20) } else { Fault::None });
    let log = pull("every connection is cut");
    assert!(
        weights_requests(&log).iter().any(|request| request.range.is_some_and(|(from, _)| from % CHUNK != 0))
    );
    hub.fail(|_, before| match before {
        0 => Fault::Status(429),
        1 => Fault::Status(503),
        _ => Fault::None,
    });
    pull("every address is busy twice");
    hub.fail(|request, before| if request.is_store && before == 0 { Fault::WrongByte } else { Fault::None });
    pull("wrong bytes once");
    hub.fail(|request, _| if request.is_store { Fault::WholeOnly } else { Fault::None });
    pull("no ranges");
}

#[test]
fn refusals_say_what_to_do_and_leave_nothing() {
    let hub = TestHub::start(NAME, tiny_files());
    let refused = |arguments: &[&str], wanted: &[&str]| {
        let cache = tempfile::tempdir().unwrap();
        let finished = hub.run(cache.path(), arguments);
        assert_eq!(finished.code, 2, "{finished:?}");
        for word in wanted {
            assert!(finished.stderr.contains(word), "{word}: {}", finished.stderr);
        }
        let whole = |name: &str| !name.contains("foretune");
        let named = fs::read_dir(blobs(cache.path())).into_iter().flatten();
        let named = named.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
        for name in named.filter(|name| whole(name)) {
            assert!(name.len() == 40 || name.len() == 64, "{name}");
        }
        assert!(!snapshot(cache.path()).join("config.json").exists());
    };
    refused(&["models", "pull", "someone/other"], &["someone/other", "not on", "spelling"]);
    refused(&["models", "pull", "someone/model@v9"], &["v9", "revision"]);
    refused(&["models", "pull", "../../etc"], &["no name of a model"]);
    hub.fail(|_, _| Fault::Status(401));
    refused(&["models", "pull", NAME], &["401", "HF_TOKEN"]);
    hub.fail(|_, _| Fault::Status(503));
    refused(&["models", "pull", NAME], &["busy", "503"]);
    hub.fail(|request, _| if request.is_store { Fault::WrongByte } else { Fault::None });
    refused(&["models", "pull", NAME], &["other bytes", "thrown away"]);
    hub.fail(|request, _| if request.is_store { Fault::CutAfter(0) } else { Fault::None });
    refused(&["models", "pull", NAME], &["failed 6 times", "the network and the proxy"]);
}

#[test]
fn the_token_stays_with_the_hub_and_a_proxy_is_used() {
    let cache = tempfile::tempdir().unwrap();
    let hub = TestHub::start(NAME, tiny_files());
    let mut command = hub.command(cache.path(), &["models", "pull", NAME]);
    assert!(command.env("HF_TOKEN", "hf_secret").output().unwrap().status.success());
    for request in hub.take_log() {
        assert_eq!(request.authorization.is_some(), !request.is_store, "{request:?}");
    }

    let cache = tempfile::tempdir().unwrap();
    let mut command = hub.command(cache.path(), &["models", "pull", NAME]);
    // No such host: only the proxy can answer. The store's loopback address goes through it too.
    command
        .env("HF_ENDPOINT", "http://hub.invalid")
        .env("HTTP_PROXY", format!("http://127.0.0.1:{}", hub.port));
    let output = command.env("NO_PROXY", "").env("no_proxy", "").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_killed_pull_goes_on_from_its_chunks_and_two_at_once_fetch_them_once() {
    let cache = tempfile::tempdir().unwrap();
    let hub = TestHub::start(NAME, large_files(LARGE));
    // The last two chunks never come.
    hub.fail(|request, _| match request.range {
        Some((from, _)) if request.is_store && from >= 3 * CHUNK => Fault::Hang,
        _ => Fault::None,
    });
    let mut first =
        hub.command(cache.path(), &["models", "pull", NAME]).stderr(Stdio::null()).spawn().unwrap();
    let list = || {
        let names = leftovers(cache.path()).into_iter().find(|name| name.ends_with(".foretune-chunks"));
        names.map(|name| blobs(cache.path()).join(name))
    };
    wait_for("three chunks", || list().is_some_and(|path| whole_lines(&path) >= 4));
    first.kill().unwrap();
    first.wait().unwrap();
    // One of the three is damaged on the disk meanwhile.
    let data = list().unwrap().to_string_lossy().replace(".foretune-chunks", ".foretune-partial");
    let mut bytes = fs::read(&data).unwrap();
    bytes[CHUNK + 5] ^= 1;
    fs::write(&data, bytes).unwrap();
    hub.take_log();
    hub.fail(|_, _| Fault::None);
    let both: Vec<_> = (0..2)
        .map(|_| hub.command(cache.path(), &["models", "pull", NAME]).stdout(Stdio::null()).spawn().unwrap())
        .collect();
    for mut child in both {
        assert!(child.wait().unwrap().success());
    }
    let log = hub.take_log();
    let mut starts: Vec<usize> =
        weights_requests(&log).iter().map(|request| request.range.unwrap().0 / CHUNK).collect();
    starts.sort_unstable();
    assert_eq!(starts, [1, 3, 4], "the damaged chunk and the two that never came, once each");
    let got = fs::read(snapshot(cache.path()).join("model.safetensors")).unwrap();
    assert!(got == hub.file("model.safetensors"));
    hub.release();
}
