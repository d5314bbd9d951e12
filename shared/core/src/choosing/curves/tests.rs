//! The public curves, where the reference data is beside the checkout, and bad input.

use super::*;
use crate::choosing::table::Table;

const TARGET: f64 = 1_638_400.0;
const FRACTIONS: [u32; 7] = [8, 16, 32, 64, 128, 256, 512];

/// Without the fitted laws, which take seconds.
const FAST: [Method; 4] = [Method::SubTuning, Method::ModelSize, Method::AcceptThenStop, Method::Pooled];

fn reference(name: &str) -> Option<String> {
    let path =
        format!("{}/../../../shared/data/benchmarks/rectified-scaling/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        println!("skipped: {path} is not there");
    }
    text
}

fn options(budget: f64, method: Method) -> CurveOptions {
    CurveOptions { budget, target: TARGET, measure: Measure::Loss, method, coverage: 0.9 }
}

#[test]
fn accept_then_stop_gives_the_published_table() {
    let published = [
        ("flan.csv", [90.9, 73.1, 65.5, 61.1, 52.2, 50.5, 45.6]),
        ("gigaword.csv", [98.9, 97.6, 96.9, 92.0, 91.1, 89.1, 91.0]),
    ];
    for (name, expected) in published {
        let Some(text) = reference(name) else { return };
        let scored = benchmark(&text, TARGET, &FRACTIONS, &FAST, 0.9).unwrap();
        for (cell, expected) in scored.cells_of(Method::AcceptThenStop).zip(expected) {
            assert!((cell.pearson - expected).abs() < 0.06, "{name} 1/{}: {}", cell.fraction, cell.pearson);
        }
    }
}

/// The targets the method was built to; the figures themselves stand in docs/benchmarks-choosing.md.
#[test]
fn pooled_beats_accept_then_stop_on_both_datasets() {
    for (name, least) in [("flan.csv", 71.0), ("gigaword.csv", 93.8)] {
        let Some(text) = reference(name) else { return };
        let scored = benchmark(&text, TARGET, &FRACTIONS, &FAST, 0.9).unwrap();
        for method in FAST {
            let cells: Vec<String> =
                scored.cells_of(method).map(|cell| format!("{:.1}", cell.pearson)).collect();
            println!("{name} {:14} {:.2}  {}", method.name(), scored.mean_pearson(method), cells.join(" "));
        }
        for cell in scored.cells_of(Method::Pooled) {
            println!(
                "1/{} ra {:.1} cover {:?} err {:.1}",
                cell.fraction, cell.relative_accuracy, cell.coverage, cell.log_error
            );
        }
        assert!(scored.mean_pearson(Method::Pooled) > least);
        for (ours, theirs) in scored.cells_of(Method::Pooled).zip(scored.cells_of(Method::AcceptThenStop)) {
            assert!(ours.pearson > theirs.pearson - 2.5);
        }
    }
}

#[test]
fn nothing_beyond_the_budget_is_read() {
    let Some(text) = reference("flan.csv") else { return };
    let table = Table::parse(&text).unwrap();
    let beyond: Vec<usize> = (0..table.header().len())
        .filter(|column| table.header()[*column].parse::<f64>().is_ok_and(|size| size > 25_600.0))
        .collect();
    let spoiled: Vec<String> = text
        .lines()
        .enumerate()
        .map(|(line, content)| {
            let cells = content.split(',').enumerate().map(|(column, cell)| {
                if line > 0 && beyond.contains(&column) { "not a number" } else { cell }
            });
            cells.collect::<Vec<_>>().join(",")
        })
        .collect();
    let options = options(25_600.0, Method::Pooled);
    assert_eq!(rank(&text, &options).unwrap(), rank(&spoiled.join("\n"), &options).unwrap());
}

const SMALL: &str = "model,100,200,400,800,1600,note\n\
    a,3.0,2.8,2.6,2.4,2.2,x\n\
    b,3.1,3.0,2.9,2.8,2.7,y\n\
    c,3.3,2.9,2.5,2.2,1.9,z\n";

fn small(text: &str) -> crate::choosing::problem::Result<CurveReport> {
    rank(text, &CurveOptions { budget: 1600.0, target: 6400.0, ..options(0.0, Method::Pooled) })
}

#[test]
fn the_steepest_of_three_wins_and_everything_is_named() {
    let report = small(SMALL).unwrap();
    assert_eq!(report.ranking[0].name, "c");
    let total: f64 = report.ranking.iter().filter_map(|model| model.probability_best).sum();
    assert!((total - 1.0).abs() < 1e-9);
    let best = &report.ranking[0];
    assert!(best.lo < Some(best.predicted) && best.hi > Some(best.predicted));
    assert!(report.notes.iter().any(|note| note.code == "unknown_column" && note.message.contains("note")));
    assert!(!report.next.is_empty() && picture(&report).contains("examples"));
}

#[test]
fn bad_cells_are_named_by_row_and_column() {
    let error = |text: &str| small(text).unwrap_err().to_string();
    assert!(error(&SMALL.replace("2.9,2.8,2.7", "2.9,oops,2.7")).contains("row 3, column \"800\""));
    assert!(error(&SMALL.replace("2.9,2.8,2.7", "2.9,-1,2.7")).contains("row 3, column \"800\""));
    assert!(error(&SMALL.replace("\nb,", "\na,")).contains("row 3"));
    assert!(error("model,100,200,400\na,1,1,1\nb,1,1,1\n").contains("same value"));
    assert!(error("model,100,200,400\na,3,2,1\n").contains("at least 2"));
    assert!(error("model,100,200\na,3,2\nb,3,2\n").contains("at least 3"));
    assert!(error(&SMALL.replace("2.9,2.8,2.7", "2.9,0.028,2.7")).contains("fraction"));
}

#[test]
fn gaps_and_rises_are_repaired_aloud() {
    let report = small(&SMALL.replace("2.9,2.8,2.7", "2.9,,2.95")).unwrap();
    let codes: Vec<_> = report.notes.iter().map(|note| (note.code, note.row, note.column.clone())).collect();
    assert!(codes.contains(&("filled_cell", Some(3), Some("800".to_owned()))));
    assert!(codes.contains(&("rising_loss", Some(3), Some("1600".to_owned()))));
}

#[test]
fn scores_are_ranked_upwards() {
    let text = "model,100,200,400,800\na,0.50,0.55,0.60,0.65\nb,0.50,0.52,0.54,0.56\nc,0.40,0.42,0.44,0.46\n";
    let options = CurveOptions {
        budget: 800.0,
        target: 3200.0,
        measure: Measure::Score,
        ..options(0.0, Method::Pooled)
    };
    let report = rank(text, &options).unwrap();
    assert_eq!(report.ranking[0].name, "a");
    let best = &report.ranking[0];
    assert!(best.predicted > 0.65 && best.predicted < 1.0 && best.lo < best.hi);
}
