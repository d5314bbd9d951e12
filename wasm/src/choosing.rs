//! Ranking models and checkpoints and foretelling a large model's scores, from the text of a table. Wishes and
//! answers are JSON.

use foretune_core::choosing::checkpoints::{self, CheckpointOptions};
use foretune_core::choosing::curves::{self, CurveOptions, Measure, Method};
use foretune_core::choosing::offer;
use foretune_core::choosing::problem::Problem;
use foretune_core::choosing::scale::{self, ScaleOptions};
use serde::Deserialize;
use serde_json::{Value, json};
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::failure::{Failure, sentence};

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let todo = match &problem {
            Problem::Option(_) => "Change the choice above",
            Problem::TooFew { .. } => "Add what is missing to the table, or choose other columns",
            _ => "Correct the table, then drop it again",
        };
        Self::new(sentence(&problem.to_string()), todo)
    }
}

/// What the table lets one choose; `kind` as `recognise` named it.
#[wasm_bindgen]
pub fn offer_of(kind: &str, text: &str) -> Result<String, JsValue> {
    let offer = match kind {
        "curves" => offer::of_curves(text),
        "checkpoints" => offer::of_checkpoints(text),
        _ => offer::of_scores(text),
    };
    Ok(serde_json::to_string(&offer.map_err(Failure::from)?).map_err(Failure::mixed_builds)?)
}

#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Wish {
    Curves { budget: f64, target: f64, scores: bool },
    Checkpoints { target: String, indicators: Vec<String>, settings: Vec<String>, exclude: Vec<String> },
    Scores { small: Vec<String>, target: String, filters: Vec<(String, String)> },
}

/// The report, core's picture of it, and what else a drawing needs.
#[wasm_bindgen]
pub fn choose(text: &str, wish: &str) -> Result<String, JsValue> {
    let wish: Wish = serde_json::from_str(wish).map_err(Failure::mixed_builds)?;
    Ok(answer(text, wish).map_err(Failure::from)?.to_string())
}

fn answer(text: &str, wish: Wish) -> Result<Value, Problem> {
    Ok(match wish {
        Wish::Curves { budget, target, scores } => {
            let options = CurveOptions {
                budget,
                target,
                measure: if scores { Measure::Score } else { Measure::Loss },
                method: Method::Pooled,
                coverage: 0.9,
            };
            let report = curves::rank(text, &options)?;
            json!({ "kind": "curves", "svg": curves::picture(&report), "curves": curves::drawn(text, &options)?, "report": report })
        }
        Wish::Checkpoints { target, indicators, settings, exclude } => {
            let options = CheckpointOptions {
                indicators: Some(indicators),
                settings,
                exclude,
                ..CheckpointOptions::for_target(&target)
            };
            let report = checkpoints::rank(text, &options)?;
            json!({ "kind": "checkpoints", "svg": checkpoints::picture(&report), "report": report })
        }
        Wish::Scores { small, target, filters } => {
            let small: Vec<&str> = small.iter().map(String::as_str).collect();
            let options = ScaleOptions { filters, ..ScaleOptions::new(&small, &target) };
            let report = scale::scale(text, &options)?;
            json!({ "kind": "scores", "svg": scale::picture(&report), "report": report })
        }
    })
}
