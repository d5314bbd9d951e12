//! What a search tries: learners on targets, each judged while its rows' groups are held out and made whole only where
//! it is wanted. All fits share one cutting into bins, which sees the features of held-out rows and never their targets.

use std::collections::BTreeSet;

use super::additive::{self, AdditiveOptions};
use super::extra_trees::{self, ExtraTreesOptions};
use super::folds::Fold;
use super::learner::{as_model, changes};
use super::metrics::metrics;
use super::search::{SearchOptions, Source, Tried};
use super::table::Table;
use crate::features::{self, Better};
use crate::numerics::boosted_trees::{Binned, BoostOptions, BoostedTrees};
use crate::numerics::{Matrix, stats};
use crate::predict::model::Model;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Mean,
    Additive,
    Boosted,
    /// Boosted on the courses of the runs too.
    OnTheWay,
    ExtraTrees,
}

/// What is learned, with what must be added to it to give the score.
pub(super) struct Aim {
    name: String,
    anchor: Option<Model>,
    values: Vec<f64>,
}

/// A learner and what it learns, by its place among the aims. The additive fits of all aims share their sums.
pub(super) enum Trial {
    Additive { name: &'static str, bends: usize },
    Boosted { name: &'static str, options: BoostOptions, aim: usize, directions: Vec<i8> },
    ExtraTrees { options: ExtraTreesOptions, aim: usize },
    Widened { options: BoostOptions, aim: usize },
}

const BINS: usize = 63;
/// Below, trees of four leaves; a larger tree would learn the rows by heart.
const ROWS_FOR_LARGE_TREES: usize = 400;
/// The score, its change from the reading now, and from what naive Bayes reaches: of the lab's twelve stages none chose
/// trees of the change from the base score or from an extrapolated end.
const AIMS_OF_TREES: usize = 3;
const QUICK_AIMS_OF_TREES: usize = 2;
const MOST_AIMS: usize = 5;
/// The table's own rows count for more than the many of the way.
const WEIGHT_OF_OWN_ROWS: f64 = 3.0;

pub(super) fn aims(table: &Table, options: &SearchOptions) -> Vec<Aim> {
    let mut aims = vec![Aim { name: String::new(), anchor: None, values: table.target.clone() }];
    for name in &options.anchors {
        let Some(column) = table.column_index(name) else { continue };
        // An anchor that is mostly missing anchors nothing.
        let present = table.column(column).iter().filter(|value| !value.is_nan()).count();
        if 2 * present >= table.rows.len()
            && let Some((anchor, values)) = changes(table, name)
        {
            aims.push(Aim { name: format!(" of the change from {name}"), anchor: Some(anchor), values });
        }
    }
    aims.truncate(MOST_AIMS);
    aims
}

impl Aim {
    fn value_before(&self, row: &[f64]) -> f64 {
        self.anchor.as_ref().map_or(0.0, |anchor| anchor.predict(row))
    }
}

impl Trial {
    pub(super) fn all(table: &Table, aims: &[Aim], on_the_way: bool, options: &SearchOptions) -> Vec<Self> {
        let (seed, is_quick) = (options.seed, options.quick);
        let own = BoostOptions {
            trees: 200,
            learning_rate: 0.05,
            leaves: 4,
            leaf_rows: (table.rows.len() / 40).clamp(3, 20),
            l2: 2.0,
            bins: BINS,
            row_share: 0.6,
            column_share: 0.7,
            seed,
            ..BoostOptions::default()
        };
        let large = BoostOptions { trees: 150, leaves: 10, ..own };
        let (name, options) = if table.rows.len() < ROWS_FOR_LARGE_TREES {
            ("boosted trees, 4 leaves", own)
        } else {
            ("boosted trees, 10 leaves", large)
        };
        let widened = BoostOptions {
            trees: 300,
            leaves: 20,
            leaf_rows: own.leaf_rows.min(12),
            l2: 1.0,
            column_share: 0.45,
            ..own
        };
        let boosted = |aim| Self::Boosted { name, options, aim, directions: Vec::new() };
        if is_quick {
            let aims = (0..aims.len().min(QUICK_AIMS_OF_TREES)).map(boosted);
            return std::iter::once(Self::Additive { name: "ridge", bends: 0 }).chain(aims).collect();
        }
        let mut trials =
            vec![Self::Additive { name: "ridge", bends: 0 }, Self::Additive { name: "bent ridge", bends: 1 }];
        for aim in 0..aims.len().min(AIMS_OF_TREES) {
            trials.push(boosted(aim));
            trials.push(Self::ExtraTrees { options: ExtraTreesOptions { seed, ..Default::default() }, aim });
            if on_the_way {
                trials.push(Self::Widened { options: widened, aim });
            }
        }
        // The direction is known for the score; its change from another value has none.
        let directions = known_directions(table);
        if directions.iter().any(|direction| *direction != 0) {
            let name = "boosted trees with known directions";
            trials.push(Self::Boosted { name, options: own, aim: 0, directions });
        }
        trials
    }

    /// Independent pieces of judging it: one a fold, but for additive fits, which choose their penalty by all.
    pub(super) fn pieces(&self, folds: usize) -> usize {
        if matches!(self, Self::Additive { .. }) { 1 } else { folds }
    }
}

/// +1 or -1 where the registry says which way a feature is better.
fn known_directions(table: &Table) -> Vec<i8> {
    table
        .names
        .iter()
        .map(|name| match features::find(name).map(|feature| feature.better) {
            Some(Better::Higher) => 1,
            Some(Better::Lower) => -1,
            _ => 0,
        })
        .collect()
}

/// What judging a trial gives, piece by piece.
pub(super) enum Piece {
    Whole(Vec<Tried>),
    /// Of the fold's rows.
    Fold(Vec<f64>),
}

/// The rows that trials are judged on, and those of the way behind them in the same bins.
pub(super) struct Ground<'a> {
    table: &'a Table,
    on_the_way: Option<&'a Table>,
    aims: &'a [Aim],
    folds: &'a [Fold],
    binned: Binned,
}

impl<'a> Ground<'a> {
    pub(super) fn of(
        table: &'a Table,
        on_the_way: Option<&'a Table>,
        aims: &'a [Aim],
        folds: &'a [Fold],
    ) -> Self {
        let extra = on_the_way.map_or(&[][..], |extra| &extra.rows);
        let rows: Vec<&Vec<f64>> = table.rows.iter().chain(extra).collect();
        let design = Matrix::from_fn(rows.len(), table.names.len(), |row, column| rows[row][column]);
        Self { table, on_the_way, aims, folds, binned: Binned::of(&design, BINS) }
    }

    pub(super) fn piece(&self, trial: &Trial, piece: usize) -> Piece {
        if let Trial::Additive { name, bends } = trial {
            return Piece::Whole(self.additive(name, *bends));
        }
        let fold = &self.folds[piece];
        let model = self.fit(trial, &fold.train);
        Piece::Fold(fold.test.iter().map(|row| model.predict(&self.table.rows[*row])).collect())
    }

    /// Judged on rows whose groups it has not seen; one result, of additive fits one an aim.
    pub(super) fn judged(&self, number: usize, trial: &Trial, pieces: Vec<Piece>) -> Vec<Tried> {
        let (name, kind, aim) = match trial {
            Trial::Additive { .. } => ("", Kind::Additive, 0),
            Trial::Boosted { name, aim, .. } => (*name, Kind::Boosted, *aim),
            Trial::ExtraTrees { aim, .. } => ("extra trees", Kind::ExtraTrees, *aim),
            Trial::Widened { aim, .. } => ("boosted trees, scores on the way too", Kind::OnTheWay, *aim),
        };
        let mut out_of_fold = vec![f64::NAN; self.table.rows.len()];
        for (piece, fold) in pieces.into_iter().zip(self.folds) {
            match piece {
                Piece::Whole(tried) => return tried,
                Piece::Fold(predicted) => {
                    fold.test.iter().zip(predicted).for_each(|(row, value)| out_of_fold[*row] = value);
                }
            }
        }
        vec![self.tried(&self.aims[aim], name, kind, Source::Trial(number), out_of_fold)]
    }

    /// Fitted on all rows, what is to be added to the change included.
    pub(super) fn whole(&self, trial: &Trial) -> Model {
        let all: Vec<usize> = (0..self.table.rows.len()).collect();
        let aim = match trial {
            Trial::Boosted { aim, .. } | Trial::ExtraTrees { aim, .. } | Trial::Widened { aim, .. } => *aim,
            Trial::Additive { .. } => 0,
        };
        let mut model = self.fit(trial, &all);
        if let Some(anchor) = &self.aims[aim].anchor {
            model.add(anchor.clone(), 1.0);
        }
        model
    }

    pub(super) fn mean(&self) -> Tried {
        let mean_of = |rows: &[usize]| {
            stats::mean(&rows.iter().map(|row| self.table.target[*row]).collect::<Vec<f64>>())
        };
        let mut out_of_fold = vec![f64::NAN; self.table.rows.len()];
        for fold in self.folds {
            let mean = mean_of(&fold.train);
            fold.test.iter().for_each(|row| out_of_fold[*row] = mean);
        }
        let model = Model::constant(self.table.names.len(), stats::mean(&self.table.target));
        self.tried(&self.aims[0], "mean", Kind::Mean, Source::Model(model.into()), out_of_fold)
    }

    fn additive(&self, name: &str, bends: usize) -> Vec<Tried> {
        let options = AdditiveOptions { bends, ..AdditiveOptions::default() };
        let targets: Vec<Vec<f64>> = self.aims.iter().map(|aim| aim.values.clone()).collect();
        let fits = additive::fit_all(self.table, &targets, options, self.folds).into_iter().zip(self.aims);
        fits.map(|(fit, aim)| {
            let mut model = fit.model;
            if let Some(anchor) = &aim.anchor {
                model.add(anchor.clone(), 1.0);
            }
            let name = format!("{name}, penalty {}", fit.penalty);
            self.tried(aim, &name, Kind::Additive, Source::Model(model.into()), fit.out_of_fold)
        })
        .collect()
    }

    /// `out_of_fold` of the aim, not of the score yet.
    fn tried(
        &self,
        aim: &Aim,
        learner: &str,
        kind: Kind,
        source: Source,
        mut out_of_fold: Vec<f64>,
    ) -> Tried {
        for (value, row) in out_of_fold.iter_mut().zip(&self.table.rows) {
            *value += aim.value_before(row);
        }
        let rmse = metrics(&out_of_fold, &self.table.target).rmse;
        Tried { name: format!("{learner}{}", aim.name), kind, source, out_of_fold, rmse }
    }

    fn fit(&self, trial: &Trial, rows: &[usize]) -> Model {
        let width = self.table.names.len();
        match trial {
            Trial::Boosted { options, aim, directions, .. } => {
                let own: Vec<u32> = rows.iter().map(|row| *row as u32).collect();
                let values = &self.aims[*aim].values;
                as_model(
                    &BoostedTrees::fit_rows(&self.binned, &own, values, None, *options, directions),
                    width,
                )
            }
            Trial::Widened { options, aim } => self.widened(*options, &self.aims[*aim], rows),
            Trial::ExtraTrees { options, aim } => {
                let values: Vec<f64> = rows.iter().map(|row| self.aims[*aim].values[*row]).collect();
                extra_trees::fit(&self.table.select(rows), &values, *options)
            }
            Trial::Additive { .. } => Model::constant(width, 0.0),
        }
    }

    /// On rows of the way too, but for those of groups that are held out.
    fn widened(&self, options: BoostOptions, aim: &Aim, rows: &[usize]) -> Model {
        let (own, width) = (self.table.rows.len(), self.table.names.len());
        let kept: BTreeSet<usize> = rows.iter().copied().collect();
        let held: BTreeSet<u64> =
            (0..own).filter(|row| !kept.contains(row)).map(|row| self.table.groups[row]).collect();
        let mut wanted: Vec<u32> = rows.iter().map(|row| *row as u32).collect();
        let (mut values, mut weights) = (aim.values.clone(), vec![WEIGHT_OF_OWN_ROWS; own]);
        if let Some(extra) = self.on_the_way {
            let known = (0..extra.rows.len()).filter(|row| !held.contains(&extra.groups[*row]));
            wanted.extend(known.map(|row| (own + row) as u32));
            values.extend(extra.rows.iter().zip(&extra.target).map(|(row, y)| y - aim.value_before(row)));
            weights.resize(values.len(), 1.0);
        }
        let boosted = BoostedTrees::fit_rows(&self.binned, &wanted, &values, Some(&weights), options, &[]);
        as_model(&boosted, width)
    }
}
