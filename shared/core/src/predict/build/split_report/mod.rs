//! Everything that is measured on one split, each number from the same judged rows.

mod standing_out;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::BuildOptions;
use super::baselines::{self, Ground};
use super::divergence::DivergenceReport;
use super::fitted::Fitted;
use super::judged::{JudgedRow, Rival, TestSummary, on_test, summary};
use super::outlook_check::OutlookRow;
use super::screening::{self, ScreeningPoint};
use super::stopping::{self, StoppingReplay};
use super::transfer::TransferReport;
use crate::numerics::stats;
use crate::predict::fit::{Metrics, metrics};
use crate::runs::{AnytimeTable, Knowledge, RunRecord};

pub use standing_out::Worst;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SplitReport {
    pub split: String,
    pub headline_step: f64,
    pub train_runs: usize,
    pub test_runs: usize,
    pub test: TestSummary,
    pub baselines: BTreeMap<String, Rival>,
    /// What groups of features are worth to simple learners, at the headline's depth; none after a quick fit.
    pub ablations: Vec<(&'static str, Metrics)>,
    /// With clean rows: before any probe, at each common depth, at shares of the run.
    pub by_depth: Vec<DepthRow>,
    /// Without.
    pub blind: Vec<DepthRow>,
    /// Runs beside which a smaller model was probed: what is known without and with its probe.
    pub proxy: Vec<DepthRow>,
    /// Rows of `by_depth`, in quarters of the interval's width.
    pub coverage_by_width: Vec<WidthRow>,
    /// Forecast probability of reaching a threshold beside how often it was reached.
    pub calibration: Vec<CalibrationRow>,
    pub stopping: Option<StoppingReplay>,
    pub screening: Vec<ScreeningPoint>,
    pub divergence: Option<DivergenceReport>,
    /// What was expected of knowing more, and what came.
    pub outlook: Vec<OutlookRow>,
    /// On base models that nothing was learnt from.
    pub transfer: Option<TransferReport>,
    /// Test rows that are marked as unlike the training runs, and the error on them and on the rest.
    pub outside: Outsiders,
    /// Mean absolute contribution in points over the test rows of the headline, largest first.
    pub importance: Vec<(String, f64)>,
    pub worst: Vec<Worst>,
    /// (predicted, true, run id) of the headline's test rows.
    pub pairs: Vec<(f64, f64, String)>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DepthRow {
    pub name: String,
    /// Steps, where all rows have the same.
    pub step: Option<f64>,
    pub test: TestSummary,
    /// Share of forecasts within 3 points or twice the noise floor, whichever is more.
    pub within_noise: Option<f64>,
    /// On the same rows, as far as they can be made; the main ones at the depths that have targets, else score now alone.
    pub baselines: BTreeMap<String, Rival>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WidthRow {
    pub narrowest: f64,
    pub widest: f64,
    pub rows: usize,
    pub coverage: f64,
    pub rmse: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CalibrationRow {
    pub forecast: f64,
    pub observed: f64,
    pub rows: usize,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outsiders {
    pub share: f64,
    pub rmse_outside: Option<f64>,
    pub rmse_inside: Option<f64>,
}

pub fn make(
    runs: &[RunRecord],
    train: &AnytimeTable,
    test: &AnytimeTable,
    fitted: &Fitted,
    held_out: &[JudgedRow],
    options: &BuildOptions,
) -> SplitReport {
    let judged = on_test(test, fitted);
    let report = Maker { runs, train, test, fitted, held_out, judged: &judged, options };
    report.make()
}

struct Maker<'a> {
    runs: &'a [RunRecord],
    train: &'a AnytimeTable,
    test: &'a AnytimeTable,
    fitted: &'a Fitted,
    held_out: &'a [JudgedRow],
    judged: &'a [JudgedRow],
    options: &'a BuildOptions,
}

fn rivals(predictions: BTreeMap<String, Vec<f64>>, rows: &[&JudgedRow]) -> BTreeMap<String, Rival> {
    let judge = |(name, predicted): (String, Vec<f64>)| Some((name, Rival::of(&predicted, rows)?));
    predictions.into_iter().filter_map(judge).collect()
}

/// Where a table row is read: one row a run.
enum Depth {
    Step(f64),
    Share(f64),
}

impl Maker<'_> {
    fn make(&self) -> SplitReport {
        let best =
            if self.rows(Knowledge::Clean, &Depth::Step(self.options.headline_step), self.test).is_empty() {
                self.most_known()
            } else {
                Knowledge::Clean
            };
        let depth = Depth::Step(self.options.headline_step);
        let headline = self.rows(best, &depth, self.test);
        let (importance, largest) = self.explain(&headline);
        let thresholds = self.thresholds();
        SplitReport {
            split: self.options.split.clone(),
            headline_step: self.options.headline_step,
            train_runs: self.train.run_count(),
            test_runs: self.test.run_count(),
            test: summary(&self.pick(&headline)),
            baselines: rivals(self.ground(best, &depth).all(), &self.pick(&headline)),
            ablations: self.ablations(best, &depth),
            by_depth: self.by_depth(),
            blind: self.blind(),
            proxy: self.proxy(),
            coverage_by_width: self.coverage_by_width(),
            calibration: self.calibration(&thresholds),
            stopping: stopping::replay_with(self.judged, &self.fitted.card, thresholds[0]),
            screening: screening::curve(
                self.runs,
                self.held_out,
                self.judged,
                &self.fitted.card,
                &thresholds,
            ),
            divergence: None,
            outlook: Vec::new(),
            transfer: None,
            outside: self.outsiders(&headline),
            importance,
            worst: self.worst(&headline, &largest),
            pairs: headline
                .iter()
                .map(|row| {
                    let judged = &self.judged[*row];
                    (judged.predicted, judged.truth, self.runs[judged.run].id.clone())
                })
                .collect(),
        }
    }

    fn most_known(&self) -> Knowledge {
        let has = |knowledge: &Knowledge| self.test.knowledge.contains(knowledge);
        let order = [Knowledge::Blind, Knowledge::Base];
        order.into_iter().find(has).unwrap_or(Knowledge::Plan)
    }

    fn rows(&self, knowledge: Knowledge, depth: &Depth, table: &AnytimeTable) -> Vec<usize> {
        match depth {
            Depth::Step(step) => table.rows_at(knowledge, *step),
            Depth::Share(share) => table.rows_at_share(self.runs, knowledge, *share),
        }
    }

    fn pick(&self, rows: &[usize]) -> Vec<&JudgedRow> {
        rows.iter().map(|row| &self.judged[*row]).collect()
    }

    fn ground(&self, knowledge: Knowledge, depth: &Depth) -> Ground<'_> {
        Ground {
            runs: self.runs,
            label: self.options.label,
            train: self.train.select(&self.rows(knowledge, depth, self.train)),
            test: self.test.select(&self.rows(knowledge, depth, self.test)),
            seed: self.options.seed,
        }
    }

    fn ablations(&self, knowledge: Knowledge, depth: &Depth) -> Vec<(&'static str, Metrics)> {
        if self.options.quick {
            return Vec::new();
        }
        let ground = self.ground(knowledge, depth);
        let judge = |predicted: Vec<f64>| metrics(&predicted, &ground.test.table.target);
        ground.ablations().into_iter().map(|(name, predicted)| (name, judge(predicted))).collect()
    }

    fn depth_row(&self, name: &str, knowledge: Knowledge, depth: &Depth, main: bool) -> Option<DepthRow> {
        self.depth_row_of(name, (knowledge, depth), main, &|_| true)
    }

    /// Of some of the runs.
    fn depth_row_of(
        &self,
        name: &str,
        (knowledge, depth): (Knowledge, &Depth),
        main: bool,
        is_wanted: &dyn Fn(usize) -> bool,
    ) -> Option<DepthRow> {
        let wanted = |table: &AnytimeTable| -> Vec<usize> {
            let rows = self.rows(knowledge, depth, table).into_iter();
            rows.filter(|row| is_wanted(table.run[*row])).collect()
        };
        let rows = wanted(self.test);
        if rows.is_empty() {
            return None;
        }
        let picked = self.pick(&rows);
        let first = picked[0].step;
        let same = picked.iter().all(|row| (row.step - first).abs() < 0.5);
        let ground = Ground {
            train: self.train.select(&wanted(self.train)),
            test: self.test.select(&rows),
            ..self.ground(knowledge, depth)
        };
        let baselines = if main && !ground.train.run.is_empty() {
            ground.main()
        } else {
            let now = baselines::score_now(ground.label, &ground.test);
            now.map(|found| (baselines::SCORE_NOW.to_owned(), found)).into_iter().collect()
        };
        let within = |floor: f64| {
            let limit = f64::max(3.0, 2.0 * floor);
            let near = picked.iter().filter(|row| row.residual().abs() <= limit).count();
            near as f64 / picked.len() as f64
        };
        Some(DepthRow {
            name: name.to_owned(),
            step: same.then_some(first),
            test: summary(&picked),
            within_noise: self.fitted.card.noise_floor_points.map(within),
            baselines: rivals(baselines, &picked),
        })
    }

    fn by_depth(&self) -> Vec<DepthRow> {
        let mut table = Vec::new();
        let before = Depth::Step(-1.0);
        table.extend(self.depth_row(
            "before any probe, file and recipe alone",
            Knowledge::Plan,
            &before,
            true,
        ));
        table.extend(self.depth_row("before any probe, evaluation rows too", Knowledge::Rows, &before, true));
        table.extend(self.depth_row("before any probe, base score too", Knowledge::Base, &before, true));
        for step in &self.fitted.card.depths {
            let has_target = [0.0, 100.0].iter().any(|target| (target - step).abs() < 0.5);
            let name = format!("step {step}");
            table.extend(self.depth_row(&name, Knowledge::Clean, &Depth::Step(*step), has_target));
        }
        table.extend(self.depth_row("a third of the run", Knowledge::Clean, &Depth::Share(1.0 / 3.0), true));
        table.extend(self.depth_row("half of the run", Knowledge::Clean, &Depth::Share(0.5), true));
        table
    }

    fn blind(&self) -> Vec<DepthRow> {
        let mut table = Vec::new();
        let steps = self.fitted.card.depths.iter().filter(|step| [0.0, 20.0, 50.0, 100.0].contains(*step));
        for step in steps {
            let name = format!("step {step}");
            table.extend(self.depth_row(&name, Knowledge::Blind, &Depth::Step(*step), true));
        }
        table.extend(self.depth_row("half of the run", Knowledge::Blind, &Depth::Share(0.5), true));
        table
    }

    fn proxy(&self) -> Vec<DepthRow> {
        let has_probe: BTreeSet<usize> = [self.train, self.test]
            .into_iter()
            .flat_map(|table| table.rows_at(Knowledge::BlindProxy, 0.0).into_iter().map(|row| table.run[row]))
            .collect();
        let (before, probe) = (Depth::Step(-1.0), Depth::Step(self.options.headline_step));
        [
            ("file and recipe alone", Knowledge::Plan, &before),
            ("and evaluation rows", Knowledge::Rows, &before),
            ("a smaller model's probe, no clean rows", Knowledge::BlindProxy, &before),
            ("a smaller model's probe", Knowledge::Proxy, &before),
            ("the model's own base score", Knowledge::Base, &before),
            ("both: its base score and a smaller model's probe", Knowledge::ProxyBase, &before),
            ("the model's own probe, no clean rows", Knowledge::Blind, &probe),
            ("the model's own probe", Knowledge::Clean, &probe),
            ("a smaller model's finished run", Knowledge::Finished, &before),
            ("both: its base score and a smaller model's finished run", Knowledge::FinishedBase, &before),
            ("both: its own probe and a smaller model's finished run", Knowledge::CleanFinished, &probe),
        ]
        .into_iter()
        .filter_map(|(name, knowledge, depth)| {
            self.depth_row_of(name, (knowledge, depth), true, &|run| has_probe.contains(&run))
        })
        .collect()
    }

    /// The median score of the training runs first, then the paper's.
    fn thresholds(&self) -> Vec<f64> {
        let plan = self.train.rows_at(Knowledge::Plan, f64::INFINITY);
        let scores: Vec<f64> = plan.iter().map(|row| self.train.table.target[*row]).collect();
        std::iter::once(stats::median(&scores)).chain([50.0, 55.0, 60.0, 65.0, 70.0]).collect()
    }

    fn coverage_by_width(&self) -> Vec<WidthRow> {
        const PARTS: usize = 5;
        let mut rows: Vec<&JudgedRow> = self
            .judged
            .iter()
            .filter(|row| matches!(row.knowledge, Knowledge::Base | Knowledge::Clean))
            .collect();
        rows.sort_by(|a, b| a.half_width.total_cmp(&b.half_width));
        (0..PARTS)
            .map(|part| &rows[part * rows.len() / PARTS..(part + 1) * rows.len() / PARTS])
            .filter(|rows| !rows.is_empty())
            .map(|rows| {
                let found = summary(rows);
                WidthRow {
                    narrowest: 2.0 * rows[0].half_width,
                    widest: 2.0 * rows[rows.len() - 1].half_width,
                    rows: rows.len(),
                    coverage: found.coverage,
                    rmse: found.metrics.rmse,
                }
            })
            .collect()
    }

    /// Over all depths and thresholds.
    fn calibration(&self, thresholds: &[f64]) -> Vec<CalibrationRow> {
        const BINS: usize = 10;
        let mut bins = vec![(0.0, 0.0, 0usize); BINS];
        for row in self.judged {
            for threshold in thresholds {
                let probability = row.probability_above(&self.fitted.card, *threshold);
                if probability.is_nan() {
                    continue;
                }
                let bin = &mut bins[((probability * BINS as f64) as usize).min(BINS - 1)];
                bin.0 += probability;
                bin.1 += f64::from(u8::from(row.truth >= *threshold));
                bin.2 += 1;
            }
        }
        let row = |(forecast, observed, rows): (f64, f64, usize)| CalibrationRow {
            forecast: forecast / rows as f64,
            observed: observed / rows as f64,
            rows,
        };
        bins.into_iter().filter(|(.., rows)| *rows > 0).map(row).collect()
    }
}
