//! The published table, where the reference data is beside the checkout, and bad input.

use super::*;
use crate::choosing::table::Table;

fn reference() -> Option<String> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/data/benchmarks/checkpoints/pretraining_indicators_50.csv"
    );
    let text = std::fs::read_to_string(path).ok();
    if text.is_none() {
        println!("skipped: {path} is not there");
    }
    text
}

fn strings(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}

#[test]
fn the_leak_in_the_published_table_is_found() {
    let Some(text) = reference() else { return };
    let table = Table::parse(&text).unwrap();
    let columns = input::Columns::of(&table, &CheckpointOptions::for_target("sft_cbqa")).unwrap();
    let found = leak_check(&table, &columns).unwrap();
    assert_eq!(found.leaks.len(), 1, "{:?}", found.leaks);
    let leak = &found.leaks[0];
    assert_eq!((leak.indicator.as_str(), leak.target.as_str()), ("kshot_cbqa", "sft_cbqa"));
    let expected = strings(&["5", "9", "10", "14", "15", "19", "20", "24", "25", "29", "30", "34", "35"]);
    assert!(expected.iter().all(|row| leak.rows.contains(row)), "{:?}", leak.rows);
    assert!(leak.correlation_within > 0.99 && leak.correlation_elsewhere.abs() < 0.3);
    assert!(expected.iter().all(|row| found.other_precision.contains(row)));
    assert!(found.other_scale.iter().any(|(indicator, _, _)| indicator == "kshot_rag"));
}

#[test]
fn the_published_figures_are_reproduced_within_their_spread() {
    let Some(text) = reference() else { return };
    let indicators = strings(&["inv_ppl_clm", "inv_ppl_sc", "kshot_cms", "kshot_rag", "kshot_cbqa"]);
    let all = [RowSet { label: "all".to_owned(), exclude: Vec::new() }];
    let learners = [
        CheckpointLearner::Single("inv_ppl_clm".to_owned()),
        CheckpointLearner::Single("kshot_rag".to_owned()),
        CheckpointLearner::Published(indicators.clone()),
    ];
    let table = Table::parse(&text).unwrap();
    let scored =
        benchmark(&table, &indicators, &strings(&["sft_cms", "sft_rag", "sft_cbqa"]), &all, &learners, 0..8)
            .unwrap();
    let published = [[30.6, 68.7, 75.3], [36.6, 72.4, 72.7], [33.1, 68.3, 75.3]];
    for (scores, expected) in scored.scores.chunks(3).zip(published) {
        for (score, expected) in scores.iter().zip(expected) {
            println!("{} {} {:.1} +- {:.1}", score.learner, score.target, score.mean, score.deviation);
            assert!((score.mean - expected).abs() < 8.0, "{score:?}");
        }
    }
}

#[test]
fn the_row_sets_are_those_of_the_documents() {
    let Some(text) = reference() else { return };
    let table = Table::parse(&text).unwrap();
    let sets = row_sets(&table, &strings(&["sft_cms", "sft_rag", "sft_cbqa"])).unwrap();
    assert_eq!(
        sets.iter().map(|set| set.label.as_str()).collect::<Vec<_>>(),
        ["all 50", "clean 47", "unmarked 34"]
    );
}

#[test]
fn rows_that_nothing_marks_are_one_set() {
    let table = Table::parse(&synthetic(16, 0)).unwrap();
    let sets = row_sets(&table, &strings(&["tuned_a"])).unwrap();
    assert_eq!(sets.iter().map(|set| set.label.as_str()).collect::<Vec<_>>(), ["all 16"]);
}

fn synthetic(rows: usize, unknown: usize) -> String {
    let mut random = crate::numerics::Random::new(11);
    let mut text = "model,tuned_a,probe,noise\n".to_owned();
    for row in 0..rows {
        let quality = random.normal();
        let score = 60.0 + 3.0 * quality;
        let shown = if row < unknown { String::new() } else { format!("{score:.2}") };
        text += &format!("m{row},{shown},{:.3},{:.3}\n", quality + 0.1 * random.normal(), random.normal());
    }
    text
}

#[test]
fn a_good_indicator_is_learnt() {
    let report = rank(&synthetic(30, 6), &CheckpointOptions::for_target("tuned_a")).unwrap();
    assert_eq!(report.ranking.len(), 6);
    assert!(report.held_out_accuracy > 80.0, "{}", report.held_out_accuracy);
    assert_eq!(report.pairs.len(), 15);
    assert!(report.pairs.iter().all(|pair| pair.probability >= 0.5));
    let total: f64 = report.ranking.iter().map(|model| model.probability_best).sum();
    assert!((total - 1.0).abs() < 1e-9);
    assert!(report.leaks.leaks.is_empty());
    assert!(report.ranking.windows(2).all(|pair| pair[0].borda >= pair[1].borda));
    assert!(picture(&report).contains("tuned_a"));
}

#[test]
fn bad_tables_are_explained() {
    let text = synthetic(20, 2);
    let error = |text: &str, target: &str| {
        rank(text, &CheckpointOptions::for_target(target)).unwrap_err().to_string()
    };
    assert!(error(&text, "tuned_b").contains("no column \"tuned_b\""));
    assert!(error(&text.replace("\nm4,", "\nm3,"), "tuned_a").contains("row 6"));
    assert!(error(&synthetic(9, 4), "tuned_a").contains("at least 8"));
    let constant: String = text
        .lines()
        .enumerate()
        .map(|(line, row)| if line == 0 { format!("{row},flat\n") } else { format!("{row},1.5\n") })
        .collect();
    assert!(error(&constant, "tuned_a").contains("column \"flat\" has the same value"));
}

#[test]
fn fractions_and_copies_are_repaired_aloud() {
    let Some(text) = reference() else { return };
    let mut options = CheckpointOptions::for_target("sft_cbqa");
    options.exclude = strings(&["38"]);
    let report = rank(&text, &options).unwrap();
    let has =
        |code: &str, row: usize| report.notes.iter().any(|note| note.code == code && note.row == Some(row));
    assert!(has("mixed_scales", 5) && has("duplicate_row", 50) && has("duplicate_row", 51));
    assert!(report.notes.iter().any(|note| note.code == "label_leak"));
    // Row 4's tuned score was a fraction, so it is the one left to predict.
    assert_eq!(report.ranking.iter().map(|model| model.name.as_str()).collect::<Vec<_>>(), ["4"]);
}
