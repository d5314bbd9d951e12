//! `cargo run --release -p foretune-tract --example bench_engines -- FILE.onnx…`: processor-bound time of a row by the
//! exact reader and by tract, in turns, the least of five rounds each.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::time::Instant;

use foretune_core::predict::onnx;
use foretune_tract::{Engine, draw_rows};

const ROWS: usize = 10_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for path in std::env::args().skip(1) {
        let bytes = std::fs::read(&path)?;
        let begun = Instant::now();
        let engine = Engine::open(&bytes)?;
        let opened = begun.elapsed().as_secs_f64();
        let model = onnx::read(&bytes)?.model;
        let rows = draw_rows(&model, ROWS, 1);
        let row = &rows[..model.feature_count];
        // The plan for many rows is made with the first of them.
        engine.scores(&rows)?;
        let exact = least(|| Ok(rows.chunks_exact(model.feature_count).map(|row| model.predict(row)).sum()))?;
        let many = least(|| Ok(engine.scores(&rows)?.iter().sum()))?;
        let single = least(|| (0..100).map(|_| Ok(engine.scores(row)?[0])).sum())?;
        let each = |seconds: f64, rows: usize| 1e6 * seconds / rows as f64;
        println!(
            "{path}: exact {:.2} us a row; tract {:.2} in batches ({:.1} times), {:.1} alone; opened in {:.0} ms",
            each(exact, ROWS),
            each(many, ROWS),
            many / exact,
            each(single, 100),
            1e3 * opened,
        );
    }
    Ok(())
}

/// The sum keeps the work from being optimised away.
fn least(
    work: impl Fn() -> Result<f64, Box<dyn std::error::Error>>,
) -> Result<f64, Box<dyn std::error::Error>> {
    let mut least = f64::INFINITY;
    for _ in 0..5 {
        let begun = Instant::now();
        std::hint::black_box(work()?);
        least = least.min(begun.elapsed().as_secs_f64());
    }
    Ok(least)
}
