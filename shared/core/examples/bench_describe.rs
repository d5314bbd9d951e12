//! Speed of the descriptors alone on an alpaca-like file (a JSON array of instruction, input, output), repeated.
//! `cargo run --release -p foretune-core --example bench_describe -- FILE.json MEGABYTES [unique]`; `unique` changes a
//! word in every row, so that no row repeats.

use std::borrow::Cow;
use std::time::Instant;

use foretune_core::describe::{DescribeContext, DescribeOptions, Descriptors, RowCounts};
use foretune_core::formats::Place;
use foretune_core::schema::{Example, Role, Turn};
use serde_json::Value;

#[expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a developer's tool: reads a file, prints figures"
)]
fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let text = std::fs::read_to_string(&arguments[0]).unwrap_or_else(|error| panic!("{error}"));
    let megabytes: usize = arguments[1].parse().expect("MEGABYTES is a number");
    let unique = arguments.get(2).is_some_and(|word| word == "unique");
    let rows: Vec<Value> = serde_json::from_str(&text).expect("FILE is a JSON array");
    let bytes_per_row = text.len() as f64 / rows.len() as f64;
    let field = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let pairs: Vec<(String, String)> = rows
        .iter()
        .map(|row| (field(row, "instruction") + "\n" + &field(row, "input"), field(row, "output")))
        .collect();
    let repeats = megabytes * 1_000_000 / text.len();
    let mut descriptors = Descriptors::new(&DescribeOptions::default());
    let context = DescribeContext::default();
    let clock = Instant::now();
    let mut row = 0;
    let mut spent_s = 0.0;
    for repeat in 0..repeats {
        let turned: Vec<(Cow<'_, str>, &str)> = pairs
            .iter()
            .map(|(prompt, answer)| {
                let prompt = if unique {
                    Cow::Owned(prompt.replace(' ', &format!(" {repeat}x ")))
                } else {
                    Cow::Borrowed(prompt.as_str())
                };
                (prompt, answer.as_str())
            })
            .collect();
        let started_s = cpu_s(&clock);
        for (prompt, answer) in &turned {
            row += 1;
            let example = Example {
                turns: vec![
                    Turn { role: Role::User, text: Cow::Borrowed(prompt.as_ref()), trained: false },
                    Turn { role: Role::Assistant, text: Cow::Borrowed(answer), trained: true },
                ],
                ..Example::default()
            };
            descriptors.observe(Place { row, line: row, byte_offset: row }, &example, &context);
        }
        spent_s += cpu_s(&clock) - started_s;
    }
    let started_s = cpu_s(&clock);
    let description =
        descriptors.finish(&context, &RowCounts { rows: row, valid: row, ..RowCounts::default() });
    let finish_ms = (cpu_s(&clock) - started_s) * 1e3;
    let file_bytes = bytes_per_row * row as f64;
    let chars = description.features.get("dataset_total_chars");
    println!(
        "{row} rows, {:.0} MB of JSON: observe {:.0} MB/s of file, {:.2} ns per file byte, {:.2} ns per text character; finish {finish_ms:.0} ms",
        file_bytes / 1e6,
        file_bytes / 1e6 / spent_s,
        spent_s * 1e9 / file_bytes,
        spent_s * 1e9 / chars
    );
    if arguments.len() > 3 {
        println!("{}", serde_json::to_string_pretty(&description).expect("a description is JSON"));
    }
}

/// Processor time of this process where the system tells it, else wall time: other work on the machine then counts
/// less.
fn cpu_s(clock: &Instant) -> f64 {
    let spent = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanoseconds = spent.split(' ').next().and_then(|first| first.parse::<f64>().ok());
    nanoseconds.map_or_else(|| clock.elapsed().as_secs_f64(), |nanoseconds| nanoseconds / 1e9)
}
