//! Public results where they are beside the checkout, a synthetic table with known clusters, and bad input.

use super::law::Law;
use super::*;
use crate::choosing::table::Table;
use crate::numerics::Random;

const SMALL: [&str; 5] = ["70m", "160m", "410m", "1b", "1.4b"];

fn reference() -> Option<String> {
    let path =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/benchmarks/pythia/pythia_evals.csv");
    let text = std::fs::read_to_string(path).ok();
    if text.is_none() {
        println!("skipped: {path} is not there");
    }
    text
}

fn filters(shots: &str) -> Vec<(String, String)> {
    vec![("shots".to_owned(), shots.to_owned()), ("metric".to_owned(), "acc".to_owned())]
}

#[test]
fn pooled_beats_the_published_method_and_the_simple_ones() {
    let Some(text) = reference() else { return };
    let base = ScaleOptions::new(&SMALL, "");
    let scored = benchmark(&text, &base, &["6.9b", "12b"], &[filters("0"), filters("5")]).unwrap();
    for cell in &scored.cells {
        println!(
            "{:10} {:5} {} mae {:.2}+-{:.2} single {:.2} mean {:.2} cover {:?} {:?}",
            cell.method,
            cell.target,
            cell.filters,
            cell.error,
            cell.error_deviation,
            cell.single_task_error,
            cell.mean_error,
            cell.coverage,
            cell.mean_covered
        );
    }
    let error = |method| scored.mean_of(method, |cell| cell.error);
    let ours = error(ScaleMethod::Pooled);
    for method in ScaleMethod::ALL {
        println!(
            "{:10} {:.2} single {:.2} mean {:.2}",
            method.name(),
            error(method),
            scored.mean_of(method, |cell| cell.single_task_error),
            scored.mean_of(method, |cell| cell.mean_error)
        );
    }
    assert!(
        ours <= 2.9 && ours <= 0.78 * error(ScaleMethod::Carry) && ours <= 0.6 * error(ScaleMethod::Linear)
    );
    assert!(ours <= 0.78 * error(ScaleMethod::Cod));
    assert!(scored.mean_of(ScaleMethod::Pooled, |cell| cell.single_task_error) <= 2.5);
    assert!(scored.mean_of(ScaleMethod::Pooled, |cell| cell.mean_error) <= 1.1);
}

/// Three kinds of tasks: growing early, growing late, never.
fn synthetic() -> (String, Vec<f64>) {
    let sizes = [("a", 1e8), ("b", 3e8), ("c", 1e9), ("d", 3e9), ("e", 1e10), ("big", 1e11)];
    let compute = |parameters: f64| 6.0 * parameters * 1000.0 * 2_097_152.0 / 1e18;
    let laws = [
        Law { chance: 0.0, a: 4.0, b: 0.5, c: 0.05 },
        Law { chance: 0.0, a: 12.0, b: 0.5, c: 0.05 },
        Law { chance: 0.0, a: 0.0, b: 0.5, c: 2.5 },
    ];
    let mut random = Random::new(21);
    let mut text = "size,params,step,task,value,stderr\n".to_owned();
    let mut truth = vec![0.0; 3];
    for (kind, law) in laws.iter().enumerate() {
        truth[kind] = law.at(compute(1e11));
        for item in 0..30 {
            for (size, parameters) in sizes {
                let value = (law.at(compute(parameters)) + 0.01 * random.normal()).clamp(0.0, 1.0);
                text += &format!("{size},{parameters},1000,k{kind}_{item},{value:.4},0.01\n");
            }
        }
    }
    (text, truth)
}

#[test]
fn known_clusters_are_recovered() {
    let (text, truth) = synthetic();
    let options = ScaleOptions {
        method: ScaleMethod::Cod,
        checkpoints: 1,
        ..ScaleOptions::new(&["a", "b", "c", "d", "e"], "big")
    };
    let report = scale(&text, &options).unwrap();
    let kind = |name: &str| name.as_bytes()[1];
    for cluster in &report.clusters {
        assert!(cluster.members.iter().all(|name| kind(name) == kind(&cluster.members[0])), "{cluster:?}");
    }
    let clustered: usize = report.clusters.iter().map(|cluster| cluster.members.len()).sum();
    assert!(clustered > 60, "{clustered} of 90 tasks are in a cluster");
    for cluster in &report.clusters {
        let kind = usize::from(kind(&cluster.members[0]) - b'0');
        if kind == 2 {
            assert!(cluster.excluded.is_some(), "{cluster:?}");
        } else {
            assert!(cluster.excluded.is_none(), "{cluster:?}");
            assert!((cluster.predicted - truth[kind]).abs() < 0.04, "{} {}", cluster.predicted, truth[kind]);
        }
    }
    let predictable = f64::midpoint(truth[0], truth[1]);
    let whole = truth.iter().sum::<f64>() / 3.0;
    assert!((report.cod_predictable_score.unwrap() - predictable).abs() < 0.04);
    // The mapping ends in (1, 1), so tasks that never rise pull it up; an anchor beside the target mends that.
    let cod = CodOptions { anchor: Some((predictable, whole)), ..options.cod };
    let anchored = scale(&text, &ScaleOptions { cod, ..options.clone() }).unwrap();
    assert!((anchored.score - whole).abs() < 0.05, "{} {whole}", anchored.score);
    assert!(picture(&report).contains("not extrapolated"));
    let ours = scale(&text, &ScaleOptions { method: ScaleMethod::Pooled, ..options }).unwrap();
    assert!((ours.score - whole).abs() < 0.05);
    assert!(ours.score_lo <= Some(ours.score) && ours.per_task[0].lo <= Some(ours.per_task[0].predicted));
}

#[test]
fn the_targets_own_scores_are_never_read() {
    let (text, _) = synthetic();
    let options = ScaleOptions::new(&["a", "b", "c", "d", "e"], "big");
    let spoiled: String = text
        .lines()
        .map(|line| {
            let spoil = line.starts_with("big,");
            let cells = line.split(',').enumerate();
            let cells = cells.map(|(place, cell)| if spoil && place == 4 { "secret" } else { cell });
            cells.collect::<Vec<_>>().join(",") + "\n"
        })
        .collect();
    assert_eq!(scale(&text, &options).unwrap(), scale(&spoiled, &options).unwrap());
}

#[test]
fn percentages_give_percentages() {
    let (text, _) = synthetic();
    let table = Table::parse(&text).unwrap();
    let mut percent = "size,params,step,task,value,stderr\n".to_owned();
    for row in 0..table.rows() {
        let cell = |column: usize| table.text(row, column);
        let value = 100.0 * table.number(row, 4, "").unwrap();
        percent += &format!("{},{},{},{},{value:.2},1.0\n", cell(0), cell(1), cell(2), cell(3));
    }
    let options = ScaleOptions::new(&["a", "b", "c", "d", "e"], "big");
    let (fraction, percent) = (scale(&text, &options).unwrap(), scale(&percent, &options).unwrap());
    assert!((percent.score - 100.0 * fraction.score).abs() < 0.05);
}

#[test]
fn bad_tables_are_explained() {
    let (text, _) = synthetic();
    let error = |text: &str, small: &[&str], target: &str| {
        scale(text, &ScaleOptions::new(small, target)).unwrap_err().to_string()
    };
    assert!(error(&text, &["a"], "big").contains("at least 2"));
    assert!(error(&text, &["a", "x"], "big").contains("\"x\" is not in the table"));
    assert!(error(&text, &["a", "b"], "huge").contains("--target-params"));
    assert!(error(&text, &["a", "b", "big"], "big").contains("also one of"));
    let mixed = text.replacen("step", "shots", 1).replacen(",1000,", ",5,", 1);
    assert!(error(&mixed, &["a", "b"], "big").contains("--where shots="));
    let line = text.lines().nth(1).unwrap().to_owned();
    assert!(error(&format!("{text}{line}\n"), &["a", "b"], "big").contains("already used in row 2"));
    let mut cells: Vec<&str> = line.split(',').collect();
    cells[4] = "55.1";
    assert!(error(&text.replacen(&line, &cells.join(","), 1), &["a", "b"], "big").contains("row 2"));
    cells[4] = "";
    let report =
        scale(&text.replacen(&line, &cells.join(","), 1), &ScaleOptions::new(&["a", "b"], "big")).unwrap();
    assert!(report.notes.iter().any(|note| note.code == "missing_task" && note.message.contains("k0_0")));
}
