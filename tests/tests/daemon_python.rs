//! Others can talk to a daemon: the client in docs/ is a page of Python.

use std::fs;
use std::process::Command;

use foretune_tests::daemon::{Daemon, eval_rows, link, train_rows};
use foretune_tests::{finished, repository_root};

#[test]
fn the_documented_client_runs_a_probe() {
    let python = std::env::var("FORETUNE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has_package = Command::new(&python).args(["-c", "import websockets"]).output();
    if !has_package.is_ok_and(|output| output.status.success()) {
        eprintln!(
            "skipped: {python} has no package websockets; pip install websockets, or name one by FORETUNE_PYTHON"
        );
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let state = place.path().join("state");
    let _daemon = Daemon::start(&state, &[]);
    let (train, eval) = (place.path().join("train.jsonl"), place.path().join("eval.jsonl"));
    fs::write(&train, train_rows()).unwrap();
    fs::write(&eval, eval_rows()).unwrap();
    let client = repository_root().join("docs/client.py");
    let mut command = Command::new(&python);
    command.arg(&client).arg(link(&state)).args([&train, &eval]).arg("3");
    let finished = finished(command.output().unwrap());
    assert_eq!(finished.code, 0, "{finished:?}");
    assert_eq!(finished.json()["steps"], 3);
    assert!(finished.stderr.contains("step 3: loss"), "{finished:?}");
    let mut command = Command::new(&python);
    command.arg(&client).arg(link(&state).trim().to_owned() + "0").args([&train, &eval]);
    let refused = foretune_tests::finished(command.output().unwrap());
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("token: "), "{refused:?}");
}
