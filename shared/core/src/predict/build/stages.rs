//! Which state of knowledge gets a model of its own: before any probe with and without evaluation rows and the base
//! score, and the probe by depth, with and without clean rows.

use crate::predict::expression::{Binary, Expression, Unary};
use crate::predict::staged::Gate;
use crate::runs::{AnytimeTable, FINISHED, Knowledge, OF_THE_ROWS};

#[derive(Debug, Clone, PartialEq)]
pub struct Division {
    pub gate: Gate,
    pub names: Vec<String>,
}

/// Upper ends of the depths, in steps, that share a model.
const CLEAN_DEPTHS: [f64; 6] = [0.5, 15.0, 42.0, 87.0, 130.0, f64::INFINITY];
/// Without clean rows a probe tells little more at one depth than at another.
const BLIND_DEPTHS: [f64; 3] = [0.5, 42.0, f64::INFINITY];
/// Beside a smaller model's finished run: what an own probe adds to it depends on how deep it is.
const FINISHED_DEPTHS: [f64; 4] = [15.0, 87.0, 130.0, f64::INFINITY];
/// A stage with fewer training rows joins its neighbour.
const FEWEST_ROWS: usize = 60;

impl Division {
    /// By what the training rows hold.
    pub fn of(train: &AnytimeTable) -> Self {
        let mut division = Self { gate: Gate::Stage(0), names: Vec::new() };
        let plan = division.stage("before any probe, file and recipe alone");
        let name = "before any probe, evaluation rows at hand";
        let plan = division.where_told(train, OF_THE_ROWS, &[Knowledge::Rows], name, plan);
        let plan = match train.table.column_index("proxy_held_out_loss") {
            Some(column) if count(train, Knowledge::BlindProxy) >= FEWEST_ROWS => {
                let proxy = division.proxy(train);
                Gate::choose(column as u32, missing(), plan, proxy)
            }
            _ => plan,
        };
        let before = match train.table.column_index("base_score") {
            Some(column) if count(train, Knowledge::Base) >= FEWEST_ROWS => {
                let base = division.stage("before any probe");
                // Among runs that have no smaller model's probe its word would be lost.
                let name = "a smaller model's probe, base score known";
                let base =
                    division.where_told(train, "proxy_eval_score", &[Knowledge::ProxyBase], name, base);
                Gate::choose(column as u32, missing(), plan, base)
            }
            _ => plan,
        };
        let finished = [Knowledge::Finished, Knowledge::FinishedBase];
        let name = "a smaller model's finished run";
        let before = division.where_told(train, FINISHED, &finished, name, before);
        let Some(step) = train.table.column_index("probe_step") else {
            return Self { gate: before, ..division };
        };
        let blind = division.by_depth(train, step, Knowledge::Blind, &BLIND_DEPTHS, "no clean rows, ");
        let clean = division.by_depth(train, step, Knowledge::Clean, &CLEAN_DEPTHS, "");
        let probe = match (train.table.column_index("eval_score"), blind, clean) {
            (Some(column), Some(blind), Some(clean)) => Gate::choose(column as u32, missing(), blind, clean),
            (_, Some(only), None) | (_, None, Some(only)) | (None, Some(only), Some(_)) => only,
            (_, None, None) => return Self { gate: before, ..division },
        };
        let prefix = "own probe and a smaller model's finished run, ";
        let told = division.by_depth(train, step, Knowledge::CleanFinished, &FINISHED_DEPTHS, prefix);
        let probe = match (train.table.column_index(FINISHED), told) {
            (Some(column), Some(told)) => Gate::choose(column as u32, missing(), probe, told),
            _ => probe,
        };
        Self { gate: Gate::choose(step as u32, missing(), before, probe), ..division }
    }

    fn stage(&mut self, name: &str) -> Gate {
        self.names.push(name.to_owned());
        Gate::Stage(self.names.len() - 1)
    }

    fn proxy(&mut self, train: &AnytimeTable) -> Gate {
        let blind = self.stage("a smaller model's probe, no clean rows");
        self.where_told(train, "proxy_eval_score", &[Knowledge::Proxy], "a smaller model's probe", blind)
    }

    /// A stage of its own for candidates of whom `feature` is told, where enough rows are of these states.
    fn where_told(
        &mut self,
        train: &AnytimeTable,
        feature: &str,
        known: &[Knowledge],
        name: &str,
        others: Gate,
    ) -> Gate {
        let rows: usize = known.iter().map(|knowledge| count(train, *knowledge)).sum();
        match train.table.column_index(feature) {
            Some(column) if rows >= FEWEST_ROWS => {
                let told = self.stage(name);
                Gate::choose(column as u32, missing(), others, told)
            }
            _ => others,
        }
    }

    /// `None` where there are too few rows for even one stage.
    fn by_depth(
        &mut self,
        train: &AnytimeTable,
        column: usize,
        knowledge: Knowledge,
        depths: &[f64],
        prefix: &str,
    ) -> Option<Gate> {
        let steps: Vec<f64> = (0..train.step.len())
            .filter(|row| train.knowledge[*row] == knowledge)
            .map(|row| train.step[row])
            .collect();
        if steps.len() < FEWEST_ROWS {
            return None;
        }
        let mut ends: Vec<f64> = Vec::new();
        let mut from = f64::NEG_INFINITY;
        for end in depths {
            let within =
                |low: f64, high: f64| steps.iter().filter(|step| **step > low && **step <= high).count();
            if within(from, *end) >= FEWEST_ROWS {
                ends.push(*end);
                from = *end;
            }
        }
        // What is left over belongs to the last stage.
        let last = ends.last_mut()?;
        *last = f64::INFINITY;
        let mut gates = Vec::with_capacity(ends.len());
        let mut from = 0.0;
        for end in &ends {
            let name = match (from, *end) {
                (0.0, end) if end < 1.0 => "step 0".to_owned(),
                (0.0, end) if end.is_infinite() => "any step".to_owned(),
                (from, end) if end.is_infinite() => format!("from step {from:.0}"),
                (from, end) => format!("steps {from:.0} to {end:.0}"),
            };
            gates.push((*end, self.stage(&format!("{prefix}{name}"))));
            from = end.floor() + 1.0;
        }
        let mut gates = gates.into_iter().rev();
        let (_, mut gate) = gates.next()?;
        for (end, earlier) in gates {
            let shallow =
                Expression::binary(Binary::LessOrEqual, Expression::Feature, Expression::Number(end));
            gate = Gate::choose(column as u32, shallow, earlier, gate);
        }
        Some(gate)
    }
}

fn count(train: &AnytimeTable, knowledge: Knowledge) -> usize {
    train.knowledge.iter().filter(|known| **known == knowledge).count()
}

fn missing() -> Expression {
    Expression::unary(Unary::IsMissing, Expression::Feature)
}
