//! Every block of commands in README and guides that is marked `sh run` is run as it stands; the others of
//! `foretune` are read by the command line's own parser in `agent/src/commands/dev/guides.rs`.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use foretune_tests::lab::{Lab, SWEEP, rows_of};
use foretune_tests::{foretune_binary, repository_root, synthetic};

/// Blocks in their order, as one script.
fn script(text: &str) -> String {
    let mut script = String::new();
    let mut is_inside = false;
    for line in text.lines() {
        match line.trim_end() {
            "```sh run" => is_inside = true,
            "```" => is_inside = false,
            _ if is_inside => script += &format!("{line}\n"),
            _ => {}
        }
    }
    script
}

/// What a reader of the guides has: rows, runs, a predictor, a sweep, other programs' logs, tables.
fn prepare(folder: &Path, predictor: &Path) {
    let at = |name: &str| folder.join(name);
    fs::write(at("train.jsonl"), rows_of("colours", "train", 120, ["red", "blue"])).unwrap();
    fs::write(at("data.jsonl"), rows_of("colours", "train", 120, ["red", "blue"])).unwrap();
    fs::write(at("clean.jsonl"), rows_of("colours", "test", 40, ["red", "blue"])).unwrap();
    fs::create_dir(at("runs")).unwrap();
    fs::create_dir(at("bin")).unwrap();
    symlink(foretune_binary(), at("bin/foretune")).unwrap();
    if predictor.exists() {
        fs::copy(predictor, at("p.onnx")).unwrap();
    }
    let log = repository_root().join("fuzz/seeds/imports/trainer_state.json");
    for place in ["trainer_state.json", "runs/a/trainer_state.json", "runs/b/trainer_state.json"] {
        fs::create_dir_all(at(place).parent().unwrap()).unwrap();
        fs::copy(&log, at(place)).unwrap();
    }
    for (name, table) in TABLES {
        fs::write(at(name), table).unwrap();
    }
}

const TABLES: [(&str, &str); 3] = [
    ("scores.csv", "run,score,base_parameters,source\na,61.5,600000,tickets\nb,55,600000,tickets\n"),
    ("curves.csv", "model,800,1600,3200,6400,1638400\nsmall,2.55,2.45,2.35,2.3,\nlarge,2.75,2.5,2.3,2.1,\n"),
    (
        "evals.csv",
        "size,params,task,value,metric\n70m,70e6,a,0.3,acc\n160m,160e6,a,0.35,acc\n410m,410e6,a,0.42,acc\n\
         12b,12e9,a,0.7,acc\n70m,70e6,b,0.5,acc\n160m,160e6,b,0.52,acc\n410m,410e6,b,0.6,acc\n12b,12e9,b,0.8,acc\n\
         70m,70e6,b,0.5,f1\n",
    ),
];

fn run(folder: &Path, name: &str, script: &str) {
    let path = format!("{}:{}", folder.join("bin").display(), std::env::var("PATH").unwrap());
    let output = Command::new("bash")
        .args(["-euxo", "pipefail", "-c", script])
        .current_dir(folder)
        .env("PATH", path)
        .env("XDG_STATE_HOME", folder.join("state"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{name} is stale:\n{}", String::from_utf8_lossy(&output.stderr));
}

fn guide(name: &str) -> (PathBuf, String) {
    let path = repository_root().join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    (path, script(&text))
}

#[test]
fn commands_of_the_readme_and_the_guides_work_as_they_stand() {
    let place = tempfile::tempdir().unwrap();
    let predictor = place.path().join("p.onnx");
    // The one that fits comes first: the others use what it made.
    for (number, name) in [
        "docs/guides/train-a-predictor.md",
        "README.md",
        "docs/guides/pre-check.md",
        "docs/guides/probe-on-my-gpu.md",
        "docs/guides/decide-together.md",
    ]
    .into_iter()
    .enumerate()
    {
        let (_, script) = guide(name);
        assert!(script.lines().count() >= 1, "{name} has no block of commands marked `sh run`");
        let folder = place.path().join(number.to_string());
        fs::create_dir(&folder).unwrap();
        prepare(&folder, &predictor);
        fs::write(folder.join("runs/runs.jsonl"), synthetic::lines(&synthetic::runs(72))).unwrap();
        fs::write(folder.join("trace.jsonl"), fs::read(place.path().join("trace.jsonl")).unwrap_or_default())
            .unwrap();
        run(&folder, name, &script);
        if number == 0 {
            fs::copy(folder.join("p.onnx"), &predictor).unwrap();
            fs::copy(folder.join("trace.jsonl"), place.path().join("trace.jsonl")).unwrap();
        }
    }
    let every_guide = fs::read_dir(repository_root().join("docs/guides")).unwrap().count();
    assert_eq!(every_guide, 5, "a new guide belongs into this test");
}

#[test]
fn commands_of_the_guide_on_collecting_work_as_they_stand() {
    let lab = Lab::create();
    let folder = lab.sweep().parent().unwrap().to_owned();
    prepare(&folder, Path::new("none"));
    fs::write(folder.join("sweep.toml"), SWEEP.replace("configurations = 5", "configurations = 1")).unwrap();
    let (_, script) = guide("docs/guides/collect-on-a-cluster.md");
    assert!(script.contains("--verify"), "{script}");
    run(&folder, "the guide on collecting", &script);
}
