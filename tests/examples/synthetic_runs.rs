//! Prints made-up run records (see `synthetic`) for tests that are not written in Rust: `synthetic_runs COUNT`.
#![expect(clippy::print_stdout, reason = "a tool whose output is its purpose")]

use foretune_tests::synthetic;

fn main() {
    let count = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(120);
    print!("{}", synthetic::lines(&synthetic::runs(count)));
}
