//! The stopping rule replayed on every run: how many steps it saves against always probing to the end, and what
//! that costs. The price of a step is chosen on the training part.

use serde::Serialize;

use super::judged::{JudgedRow, courses};
use crate::numerics::stats;
use crate::predict::card::Card;
use crate::predict::fit::metrics;
use crate::predict::probe_kind::ProbeKind;
use crate::predict::risk::{RiskCurve, StepPrice};
use crate::predict::verdict::{MistakeCosts, Verdict, verdict};

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StoppingReplay {
    /// Squared points of error that a step must remove to be worth its price.
    pub step_price: f64,
    pub mean_steps: f64,
    pub always_steps: f64,
    pub rmse: f64,
    pub always_rmse: f64,
    /// Share of runs with the same verdict as after the whole probe, go or no-go at equal costs.
    pub verdict_agreement: f64,
    pub threshold: f64,
}

/// Of prices so far apart, from the lowest on, the dearest is chosen that keeps the error on the training part within the
/// allowance: the aim allows 3 per cent, and the test part may come out a little worse.
const LOWEST_PRICE: f64 = 0.001;
const PRICE_RATIO: f64 = 1.15;
const PRICES: i32 = 60;
const ALLOWED_RISE: f64 = 1.025;

/// `None` where the error by depth could not be fitted.
pub fn choose_price(rows: &[JudgedRow], card: &Card) -> Option<StepPrice> {
    let curve = curve(card)?;
    let allowed = |price: &f64| {
        let found = replay(rows, card, curve, StepPrice(*price), f64::NAN);
        found.is_some_and(|found| found.rmse <= ALLOWED_RISE * found.always_rmse)
    };
    let price = |index: i32| LOWEST_PRICE * libm::pow(PRICE_RATIO, f64::from(index));
    (0..PRICES).rev().map(price).find(allowed).map(StepPrice)
}

pub fn replay_with(rows: &[JudgedRow], card: &Card, threshold: f64) -> Option<StoppingReplay> {
    replay(rows, card, curve(card)?, StepPrice(card.step_price?), threshold)
}

fn curve(card: &Card) -> Option<RiskCurve> {
    Some(card.risks.get(&ProbeKind::CleanRows)?.curve)
}

fn replay(
    rows: &[JudgedRow],
    card: &Card,
    curve: RiskCurve,
    price: StepPrice,
    threshold: f64,
) -> Option<StoppingReplay> {
    let deepest = card.depths.last().copied()?;
    let (mut stopped, mut full) = (Vec::new(), Vec::new());
    for course in courses(rows, &card.depths) {
        let readings: Vec<&JudgedRow> = course.into_iter().filter(|row| row.step >= 0.0).collect();
        let Some(last) = readings.last().filter(|last| (last.step - deepest).abs() < 0.5) else { continue };
        let goes_on =
            |row: &JudgedRow| curve.next_worth(row.step, &card.depths, row.squared_error, price).is_some();
        let stop = readings.iter().find(|row| !goes_on(row)).unwrap_or(last);
        stopped.push(*stop);
        full.push(*last);
    }
    if stopped.is_empty() {
        return None;
    }
    let rmse = |rows: &[&JudgedRow]| {
        let predicted: Vec<f64> = rows.iter().map(|row| row.predicted).collect();
        metrics(&predicted, &rows.iter().map(|row| row.truth).collect::<Vec<f64>>()).rmse
    };
    let verdict_of = |row: &JudgedRow| {
        let above = row.probability_above(card, threshold);
        verdict(above, row.predicted, threshold, row.squared_error.sqrt(), MistakeCosts::default(), &[])
    };
    let agree = stopped
        .iter()
        .zip(&full)
        .filter(|(a, b)| verdict_of(a) == verdict_of(b) && verdict_of(a) != Verdict::Withheld);
    Some(StoppingReplay {
        step_price: price.0,
        mean_steps: stats::mean(&stopped.iter().map(|row| row.step).collect::<Vec<f64>>()),
        always_steps: deepest,
        rmse: rmse(&stopped),
        always_rmse: rmse(&full),
        verdict_agreement: agree.count() as f64 / stopped.len() as f64,
        threshold,
    })
}
