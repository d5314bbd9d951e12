//! What goes wrong with models, rows, disks and impatient people while probing: each gets a clear message
//! with the path and what to do, and nothing half-written stays.
#![expect(clippy::unwrap_used, reason = "a test's helpers may fail the test")]

use std::fs;
use std::path::{Path, PathBuf};

use foretune_tests::lab::wait_for;
use foretune_tests::{Finished, foretune, foretune_binary, repository_root};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A copy of the bundled model's folder and a file of rows.
struct Place {
    folder: TempDir,
}

impl Place {
    fn create() -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(place.at("model")).unwrap();
        for name in ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"] {
            fs::copy(repository_root().join("lab/base").join(name), place.at("model").join(name)).unwrap();
        }
        let answers = ["red", "green", "blue"];
        let rows: String = (0..60)
            .map(|i| {
                json!({"instruction": format!("colour number {i}"), "output": answers[i % 3]}).to_string()
                    + "\n"
            })
            .collect();
        fs::write(place.at("rows.jsonl"), rows).unwrap();
        place
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn change_config(&self, change: impl Fn(&mut Value)) {
        let path = self.at("model/config.json");
        let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        change(&mut config);
        fs::write(path, config.to_string()).unwrap();
    }

    fn change_weights(&self, change: impl Fn(&mut Vec<u8>)) {
        let path = self.at("model/model.safetensors");
        let mut bytes = fs::read(&path).unwrap();
        change(&mut bytes);
        fs::write(path, bytes).unwrap();
    }

    fn arguments<'a>(file: &'a str, model: &'a str, steps: &'a str) -> Vec<&'a str> {
        vec![
            "probe",
            file,
            "--model",
            model,
            "--steps",
            steps,
            "--max-steps",
            "400",
            "--batch",
            "4",
            "--stop",
            "never",
            "--device",
            "cpu",
        ]
    }

    fn probe(&self, more: &[&str]) -> Finished {
        let (file, model) = (self.at("rows.jsonl"), self.at("model"));
        let mut arguments = Self::arguments(file.to_str().unwrap(), model.to_str().unwrap(), "2");
        arguments.extend(more);
        foretune(&arguments)
    }

    fn is_refused(&self, words: &[&str]) {
        let finished = self.probe(&[]);
        assert_eq!(finished.code, 2, "{finished:?}");
        for word in words {
            assert!(finished.stderr.contains(word), "{word}: {}", finished.stderr);
        }
    }
}

#[test]
fn the_untouched_copy_is_probed() {
    let finished = Place::create().probe(&["--json"]);
    assert_eq!((finished.code, finished.json()["steps"].as_u64()), (0, Some(2)), "{finished:?}");
}

#[test]
fn a_missing_shard_is_named_with_its_index() {
    let place = Place::create();
    let index = json!({"weight_map": {"model.embed_tokens.weight": "model-1.safetensors", "model.norm.weight": "model-2.safetensors"}});
    fs::write(place.at("model/model.safetensors.index.json"), index.to_string()).unwrap();
    fs::rename(place.at("model/model.safetensors"), place.at("model/model-1.safetensors")).unwrap();
    place.is_refused(&["model-2.safetensors", "model.safetensors.index.json", "fetch the model again"]);
}

#[test]
fn weights_of_a_wrong_type_cut_off_or_with_nan_are_named() {
    let place = Place::create();
    place.change_weights(|bytes| {
        let at = bytes.windows(6).position(|window| window == b"\"BF16\"").unwrap();
        bytes[at..at + 6].copy_from_slice(b"\"I16\" ");
    });
    place.is_refused(&["model.safetensors", "dtype BF16, F16, F32 or F64", "I16"]);

    let place = Place::create();
    place.change_weights(|bytes| bytes.truncate(bytes.len() / 2));
    place.is_refused(&["model.safetensors", "cut off"]);

    let place = Place::create();
    place.change_weights(|bytes| {
        let end = bytes.len();
        bytes[end - 2..].copy_from_slice(&[0xc0, 0x7f]);
    });
    place.is_refused(&["NaN or infinity", place.at("model").to_str().unwrap()]);
}

#[test]
fn another_architecture_and_a_foreign_tokenizer_are_refused() {
    let place = Place::create();
    place.change_config(|config| config["architectures"] = json!(["MambaForCausalLM"]));
    place.is_refused(&["MambaForCausalLM", "Qwen2, Qwen3 and Llama", place.at("model").to_str().unwrap()]);

    let place = Place::create();
    place.change_config(|config| config["vocab_size"] = json!(100));
    place.is_refused(&["tokenizer.json", "100", "do not belong together"]);

    let place = Place::create();
    fs::write(place.at("model/tokenizer.json"), "{}").unwrap();
    place.is_refused(&["tokenizer.json", place.at("model").to_str().unwrap()]);
}

#[test]
fn a_file_without_a_usable_row_says_how_to_look_at_it() {
    let place = Place::create();
    fs::write(
        place.at("rows.jsonl"),
        "{\"what\": 1}\nnot json\n{\"instruction\": \"a\", \"output\": \"\"}\n",
    )
    .unwrap();
    place.is_refused(&["rows.jsonl", "no usable row", "3 skipped", "foretune check"]);
    fs::remove_file(place.at("rows.jsonl")).unwrap();
    place.is_refused(&["rows.jsonl", "check the spelling"]);
}

#[test]
fn a_folder_that_cannot_hold_the_trace_is_told() {
    let place = Place::create();
    let out = place.at("nowhere/trace.jsonl");
    let finished = place.probe(&["--out", out.to_str().unwrap()]);
    assert!(finished.code == 2 && finished.stderr.contains("nowhere"), "{finished:?}");
}

/// A disk of 64 kB, where this user may make one.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_no_half_written_file() {
    let place = Place::create();
    fs::create_dir(place.at("small")).unwrap();
    let (file, model) = (place.at("rows.jsonl"), place.at("model"));
    let arguments = Place::arguments(file.to_str().unwrap(), model.to_str().unwrap(), "2").join(" ");
    let script = format!(
        "mount -t tmpfs -o size=64k none {small} || exit 77\n{binary} {arguments} --out {small}/trace.jsonl\ncode=$?\nls -A {small} >&2\nexit $code",
        small = place.at("small").display(),
        binary = foretune_binary().display()
    );
    let output = std::process::Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", &script])
        .output();
    let finished = match output {
        Ok(output) => foretune_tests::finished(output),
        Err(_) => Finished { code: 77, stdout: String::new(), stderr: String::new() },
    };
    if finished.code == 77
        || finished.stderr.contains("unshare failed")
        || finished.stderr.contains("unshare:")
    {
        eprintln!("skipped: this user may not mount a small disk");
        return;
    }
    assert_eq!(finished.code, 2, "{finished:?}");
    for word in ["trace.jsonl.checkpoint", "free some space"] {
        assert!(finished.stderr.contains(word), "{word}: {}", finished.stderr);
    }
    assert!(!finished.stderr.contains("partial"), "{}", finished.stderr);
    assert!(!finished.stderr.lines().any(|line| line == "trace.jsonl.checkpoint"), "{}", finished.stderr);
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_what_was_done_and_the_same_command_ends_with_the_same_trace() {
    let place = Place::create();
    let (file, model) = (place.at("rows.jsonl"), place.at("model"));
    let run = |trace: &Path| {
        let mut arguments = Place::arguments(file.to_str().unwrap(), model.to_str().unwrap(), "120");
        let trace = trace.to_str().unwrap().to_owned();
        arguments.extend(["--json", "--out", &trace]);
        let arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
        let mut command = std::process::Command::new(foretune_binary());
        command.args(arguments).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        command.spawn().unwrap()
    };
    let whole = place.at("whole.jsonl");
    assert!(run(&whole).wait_with_output().unwrap().status.success());

    let trace = place.at("trace.jsonl");
    let child = run(&trace);
    wait_for("a first checkpoint", || place.at("trace.jsonl.checkpoint").exists());
    let killed = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let stopped = foretune_tests::finished(child.wait_with_output().unwrap());
    if stopped.json()["stopped_because"] == "interrupted" {
        assert!(stopped.stderr.contains("the same command goes on from"), "{stopped:?}");
        let resumed = foretune_tests::finished(run(&trace).wait_with_output().unwrap());
        assert!(resumed.stderr.contains("going on after step"), "{resumed:?}");
    }
    assert_eq!(fs::read_to_string(&trace).unwrap(), fs::read_to_string(&whole).unwrap());
    assert!(!place.at("trace.jsonl.checkpoint").exists());
}
