//! What people really drop on a checker: wrong, cut, hostile or empty files. Each gets a clear answer.

use std::io::Write;
use std::path::{Path, PathBuf};

use foretune_tests::{Finished, foretune};
use tempfile::TempDir;

fn file(folder: &TempDir, name: &str, content: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, content).expect("the temporary folder can be written");
    path
}

fn check(path: &Path) -> Finished {
    foretune(&["check", path.to_str().expect("a UTF-8 path"), "--json"])
}

/// Codes found in a file with this content.
fn codes(content: &[u8]) -> (i32, Vec<String>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let finished = check(&file(&folder, "data", content));
    let report = finished.json();
    let counts = report["counts"].as_object().expect("counts is an object");
    (finished.code, counts.keys().cloned().collect())
}

#[test]
fn unreadable_files_say_why_and_exit_with_one() {
    for (content, expected) in [
        (&b""[..], "empty_file"),
        (b"  \n\n ", "empty_file"),
        (b"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x3e\x00", "binary_file"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01", "binary_file"),
        (b"[]", "empty_file"),
        (b"prompt,completion\n", "empty_file"),
        (b"<!DOCTYPE html><html><body>404 Not Found</body></html>", "unsupported_layout"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "binary_file"),
        (b"PAR1 and then nothing of a parquet file", "truncated_file"),
    ] {
        let (code, found) = codes(content);
        assert!(found.contains(&expected.to_owned()), "{expected}: {found:?}");
        assert_eq!(code, 1, "{expected}");
    }
}

/// A whole file in Windows-1252 was reported row by row as damaged UTF-8; one damaged row is still that.
#[test]
fn another_encoding_is_told_from_a_damaged_row() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let cp1252 = b"{\"prompt\": \"caf\xe9\", \"completion\": \"a \x93word\x94\"}\n".repeat(20);
    let report = check(&file(&folder, "cp1252", &cp1252)).json();
    assert_eq!(report["layout"]["encoding"], "windows_1252");
    assert_eq!((&report["counts"]["text_encoding"], &report["counts"]["not_utf8"]), (&1.into(), &20.into()));
    let mut damaged = "{\"prompt\": \"café\", \"completion\": \"a word\"}\n".repeat(20).into_bytes();
    damaged.extend_from_slice(b"{\"prompt\": \"caf\xe9\", \"completion\": \"no\"}\n");
    let report = check(&file(&folder, "damaged", &damaged)).json();
    assert_eq!(report["layout"]["encoding"], "utf8");
    assert_eq!(report["counts"]["not_utf8"], 1);
    assert!(report["counts"]["text_encoding"].is_null());
}

#[test]
fn a_table_without_a_header_is_told_from_one_with_other_names() {
    let missing = ["What is 2+2?,4\n", "Name the largest planet.,Jupiter\n", "0,1\nprompt,answer\n"];
    for first in missing {
        let found = codes(format!("{first}Which is the smallest?,Mercury\n").as_bytes()).1;
        assert!(found.contains(&"no_header".to_owned()), "{first}: {found:?}");
    }
    for first in ["Frage,Antwort\n", "What is your name?,Why?\n", "v1,v2\n", "prompt,completion\n"] {
        let found = codes(format!("{first}Which is the smallest.,4\n").as_bytes()).1;
        assert!(!found.contains(&"no_header".to_owned()), "{first}: {found:?}");
    }
    let found = codes(b"{\"0\": \"a\", \"1\": \"b\"}\n").1;
    assert!(!found.contains(&"no_header".to_owned()), "{found:?}");
}

/// A pipe has length 0 and passed for an empty file.
#[cfg(unix)]
#[test]
fn a_pipe_is_refused_by_name() {
    let told = std::process::Command::new("sh")
        .args(["-c", "echo '{}' | \"$0\" check /dev/stdin --json"])
        .arg(foretune_tests::foretune_binary())
        .output()
        .expect("a shell starts");
    let finished = foretune_tests::finished(told);
    assert_eq!(finished.code, 2, "{finished:?}");
    assert!(finished.stdout.is_empty() && finished.stderr.contains("pipe"), "{}", finished.stderr);
}

#[test]
fn what_is_readable_is_still_reported() {
    let (code, found) = codes(
        b"{\"text\": \"one\"}\nnot json\n{\"text\": \"two\",}\n{\"text\": NaN}\n{\"text\": \"a\\u0000b\"}\n",
    );
    assert_eq!(code, 1);
    for expected in ["unreadable_row", "trailing_comma", "not_a_number"] {
        assert!(found.contains(&expected.to_owned()), "{expected}: {found:?}");
    }
}

#[test]
fn nesting_ten_thousand_deep_is_a_finding_not_a_crash() {
    let content =
        format!("{{\"text\": {}1{}}}\n{{\"text\": \"fine\"}}\n", "[".repeat(10_000), "]".repeat(10_000));
    let (code, found) = codes(content.as_bytes());
    assert_eq!(code, 1);
    assert!(found.contains(&"too_deep".to_owned()), "{found:?}");
}

#[test]
fn an_archive_bomb_is_refused_in_bounded_time() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("bomb.json.gz");
    let mut encoder = flate2::write::GzEncoder::new(
        std::fs::File::create(&path).expect("created"),
        flate2::Compression::best(),
    );
    let zeros = vec![b' '; 1 << 20];
    encoder.write_all(b"[").expect("written");
    for _ in 0..400 {
        encoder.write_all(&zeros).expect("written");
    }
    encoder.finish().expect("finished");
    let finished = check(&path);
    assert_eq!(finished.code, 1);
    assert!(finished.json()["counts"]["expansion_limit"].is_number(), "{}", finished.stdout);
}

/// 1 GiB of zeros in 32 KiB: a Zstandard frame of run-length blocks, written by hand.
fn zstandard_bomb() -> Vec<u8> {
    const BLOCK_BYTES: u32 = 128 << 10;
    const BLOCKS: u32 = 8192;
    const RUN_LENGTH: u32 = 1;
    // Magic number, descriptor (nothing optional), window of 1 MiB, a raw block of one byte that begins an array.
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x50, 1 << 3, 0, 0, b'['];
    for block in 1..=BLOCKS {
        let is_last = u32::from(block == BLOCKS);
        let header = (BLOCK_BYTES << 3) | (RUN_LENGTH << 1) | is_last;
        frame.extend_from_slice(&header.to_le_bytes()[..3]);
        frame.push(b' ');
    }
    frame
}

#[test]
fn a_zstandard_bomb_is_refused_too() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let finished = check(&file(&folder, "bomb.json.zst", &zstandard_bomb()));
    assert_eq!(finished.code, 1);
    assert!(finished.json()["counts"]["expansion_limit"].is_number(), "{}", finished.json()["counts"]);
}

/// The line is a hole in the file, so it costs no disk; the process may not have as much memory as it is long.
#[cfg(target_os = "linux")]
#[test]
fn a_line_of_a_gibibyte_is_one_finding_in_bounded_memory() {
    use std::io::{Seek, SeekFrom};
    const GOOD_ROWS: usize = 2000;
    const MEMORY_KIB: u32 = 900_000;
    let good = "{\"prompt\": \"What is it?\", \"completion\": \"A row.\"}\n";
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = file(&folder, "line.jsonl", good.repeat(GOOD_ROWS).as_bytes());
    let mut output = std::fs::OpenOptions::new().append(false).write(true).open(&path).expect("opened");
    output.seek(SeekFrom::End(0)).expect("sought");
    output.write_all(b"{\"prompt\": \"").expect("written");
    output.seek(SeekFrom::Current(1 << 30)).expect("sought");
    output.write_all(format!("\"}}\n{good}").as_bytes()).expect("written");
    drop(output);
    let limited = std::process::Command::new("sh")
        .args(["-c", &format!("ulimit -v {MEMORY_KIB}; exec \"$0\" check \"$1\" --json")])
        .arg(foretune_tests::foretune_binary())
        .arg(&path)
        .output()
        .expect("a shell starts");
    let finished = foretune_tests::finished(limited);
    let report = finished.json();
    assert_eq!(finished.code, 1);
    assert_eq!(report["rows_valid"], GOOD_ROWS + 1, "{}", report["counts"]);
    assert_eq!(report["counts"]["row_too_large"], 1, "{}", report["counts"]);
}

#[test]
fn a_missing_file_and_a_folder_are_told_apart_from_bad_data() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for path in [folder.path().join("nowhere.jsonl"), folder.path().to_owned()] {
        let finished = check(&path);
        assert_eq!(finished.code, 2, "{finished:?}");
        assert!(finished.stdout.is_empty());
        assert!(finished.stderr.contains(path.to_str().expect("UTF-8")), "{}", finished.stderr);
    }
}

#[test]
fn a_wrong_mapping_names_what_is_possible() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = file(&folder, "data.csv", b"a,b\n1,2\n");
    let finished = foretune(&["check", path.to_str().expect("UTF-8"), "--map", "nonsense=a"]);
    assert_eq!(finished.code, 2);
    assert!(finished.stderr.contains("instruction"), "{}", finished.stderr);
}

/// Every row was missing its key where the column's name was misspelt; and the advice told to give `--map` twice, which
/// was refused.
#[test]
fn a_mapping_is_held_against_the_header_and_may_be_given_in_parts() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = file(&folder, "data.csv", b"a,b\n1,2\n");
    let check =
        |maps: &[&str]| foretune(&[&["check", path.to_str().expect("UTF-8"), "--json"], maps].concat());
    let misspelt = check(&["--map", "instruction=a,output=c"]);
    assert_eq!(misspelt.code, 2);
    assert!(misspelt.stderr.contains("`c`") && misspelt.stderr.contains("a, b"), "{}", misspelt.stderr);
    let parts = check(&["--map", "instruction=a", "--map", "output=b"]);
    assert_eq!(parts.json()["rows_valid"], 1, "{parts:?}");
    assert_eq!(parts.json()["mapping"]["pairs"][1][1], "b");
}

#[test]
fn a_tokenizer_that_is_none_is_refused_by_name() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = file(&folder, "data.jsonl", b"{\"text\": \"a\"}\n");
    let tokenizer = file(&folder, "tokenizer.json", b"{}");
    let finished = foretune(&[
        "check",
        data.to_str().expect("UTF-8"),
        "--tokenizer",
        tokenizer.to_str().expect("UTF-8"),
    ]);
    assert_eq!(finished.code, 2);
    assert!(finished.stderr.contains("tokenizer.json"), "{}", finished.stderr);
}
