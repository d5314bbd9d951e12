//! How fast records are framed, parsed and converted, one thread, from memory. Times are processor time where
//! the system tells it (Linux), so that other work on the machine does not count.
//! `cargo run --release -p foretune-core --example read_speed -- FILE [TOTAL_MB]`
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement reads a clock and prints"
)]

use std::time::Instant;

use foretune_core::formats::open;
use foretune_core::schema::convert;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: read_speed FILE [TOTAL_MB]")?;
    let total_mb: usize = arguments.next().map_or(Ok(200), |text| text.parse())?;
    let bytes = repeated(&std::fs::read(&path)?, total_mb * 1_000_000);
    let megabytes = bytes.len() as f64 / 1e6;

    for round in 1..=3 {
        let started = Stopwatch::start();
        let mut opened = open(bytes.as_slice())?;
        while let Some(batch) = opened.framer.next_batch()? {
            std::hint::black_box(batch);
        }
        let framing_s = started.seconds();

        let started = Stopwatch::start();
        let (mut rows, mut converted, mut text_bytes) = (0, 0, 0);
        let mut opened = open(bytes.as_slice())?;
        while let Some(batch) = opened.framer.next_batch()? {
            for index in 0..batch.len() {
                let mut record = opened.parser.parse(&batch, index);
                rows += 1;
                let Some(value) = &record.value else { continue };
                if let Some(row) = convert(value, None, &mut record.problems) {
                    converted += 1;
                    text_bytes += row.example.turns.iter().map(|turn| turn.text.len()).sum::<usize>();
                }
            }
        }
        let all_s = started.seconds();
        println!(
            "round {round}: {megabytes:.0} MB, {rows} rows ({converted} converted, {text_bytes} bytes of text): \
             framing {:.0} MB/s, parsing and converting {:.0} MB/s, all of it {:.0} MB/s",
            megabytes / framing_s,
            megabytes / (all_s - framing_s),
            megabytes / all_s
        );
    }
    Ok(())
}

struct Stopwatch {
    wall: Instant,
    processor_s: Option<f64>,
}

impl Stopwatch {
    fn start() -> Self {
        Self { wall: Instant::now(), processor_s: processor_seconds() }
    }

    fn seconds(&self) -> f64 {
        match (self.processor_s, processor_seconds()) {
            (Some(before), Some(now)) => now - before,
            _ => self.wall.elapsed().as_secs_f64(),
        }
    }
}

/// Time this thread has run, as Linux counts it.
fn processor_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse::<f64>().ok().map(|nanoseconds| nanoseconds / 1e9)
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
