//! How fast records are framed, parsed and converted, one thread, from memory.
//! `cargo run --release -p foretune-core --example read_speed -- FILE [TOTAL_MB]`
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement reads a clock and prints"
)]

use std::time::Instant;

use foretune_core::formats::{Batch, open};
use foretune_core::schema::convert;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: read_speed FILE [TOTAL_MB]")?;
    let total_mb: usize = arguments.next().map_or(Ok(200), |text| text.parse())?;
    let bytes = repeated(&std::fs::read(&path)?, total_mb * 1_000_000);
    let megabytes = bytes.len() as f64 / 1e6;

    for round in 1..=3 {
        let started = Instant::now();
        let mut opened = open(bytes.as_slice())?;
        let mut batches: Vec<Batch> = Vec::new();
        while let Some(batch) = opened.framer.next_batch()? {
            batches.push(batch);
        }
        let framing_s = started.elapsed().as_secs_f64();

        let started = Instant::now();
        let (mut rows, mut converted, mut text_bytes) = (0, 0, 0);
        for batch in &batches {
            for index in 0..batch.len() {
                let mut record = opened.parser.parse(batch, index);
                rows += 1;
                let Some(value) = &record.value else { continue };
                if let Some(row) = convert(value, None, &mut record.problems) {
                    converted += 1;
                    text_bytes += row.example.turns.iter().map(|turn| turn.text.len()).sum::<usize>();
                }
            }
        }
        let parsing_s = started.elapsed().as_secs_f64();
        println!(
            "round {round}: {megabytes:.0} MB, {rows} rows ({converted} converted, {text_bytes} bytes of text): \
             framing {:.0} MB/s, parse and convert {:.0} MB/s, both {:.0} MB/s",
            megabytes / framing_s,
            megabytes / parsing_s,
            megabytes / (framing_s + parsing_s)
        );
    }
    Ok(())
}

/// A JSON array becomes one long array, anything else is repeated as it is.
fn repeated(file: &[u8], wanted_bytes: usize) -> Vec<u8> {
    let copies = wanted_bytes.div_ceil(file.len().max(1));
    let text = file.trim_ascii();
    match (text.first(), text.last()) {
        (Some(b'['), Some(b']')) => {
            let mut bytes = b"[".to_vec();
            for copy in 0..copies {
                if copy > 0 {
                    bytes.push(b',');
                }
                bytes.extend_from_slice(&text[1..text.len() - 1]);
            }
            bytes.push(b']');
            bytes
        }
        _ => file.repeat(copies),
    }
}
