//! What the end-to-end tests share: the real binary, folders of their own, the reference data if it is there.

pub mod crash;
pub mod daemon;
pub mod fitted;
pub mod hub;
pub mod lab;
#[cfg(unix)]
pub mod slurm;
pub mod synthetic;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The binary that `just test-native` built beside the tests.
pub fn foretune_binary() -> PathBuf {
    if let Some(path) = std::env::var_os("FORETUNE_BINARY") {
        return path.into();
    }
    let test_program = std::env::current_exe().expect("a running test has a path");
    let profile_folder = test_program.ancestors().nth(2).expect("tests run from target/PROFILE/deps");
    let binary = profile_folder.join(format!("foretune{}", std::env::consts::EXE_SUFFIX));
    assert!(
        binary.exists(),
        "{} is missing: run `just test-native`, or `cargo build -p foretune` first",
        binary.display()
    );
    binary
}

pub fn repository_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ stands in the repository").to_owned()
}

/// A folder of the reference data beside the checkout; where it is absent the test says so and passes.
pub fn reference_data(folder: &str) -> Option<PathBuf> {
    let path = repository_root().join("../shared/data").join(folder);
    if path.is_dir() {
        return Some(path);
    }
    #[expect(clippy::print_stderr, reason = "a skipped test must say so")]
    {
        eprintln!("skipped: the reference data folder {folder} is not beside this checkout");
    }
    None
}

/// A finished command.
#[derive(Debug)]
pub struct Finished {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    /// The JSON it printed; the message shows everything if it printed none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("no JSON on stdout ({error}): {self:?}"))
    }
}

/// Runs `foretune` with these arguments and waits for it.
pub fn foretune<S: AsRef<std::ffi::OsStr>>(arguments: &[S]) -> Finished {
    let output = Command::new(foretune_binary()).args(arguments).output().expect("the binary starts");
    finished(output)
}

pub fn finished(output: Output) -> Finished {
    Finished {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
