//! `foretune link`: a forecast as an address that anyone can open, and what such an address says.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use foretune_core::links::preview::Preview;
use foretune_core::links::{About, Link, Opened};
use foretune_core::predict::changes::cheap_changes;
use foretune_core::predict::predictor::WhatIf;
use foretune_core::predict::verdict::Verdict;
use serde_json::json;

use super::Answer;
use super::forecast::{self, Forecast};
use crate::{files, terminal};

/// Share a forecast as a link, or open one
#[derive(Debug, Args)]
pub struct LinkCommand {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Make(Box<Make>),
    Open(Open),
}

/// Make a forecast and print it as a link: features and recipe, no row of the data
///
/// Values are rounded to about seven digits, and the forecast is made from the rounded ones, so that whoever
/// opens the link gets the same numbers.
#[derive(Debug, Args)]
struct Make {
    #[command(flatten)]
    forecast: Forecast,
    /// Leave the file's name out
    #[arg(long)]
    no_name: bool,
    /// Address of the page that opens it
    #[arg(long, value_name = "ADDRESS", default_value = "")]
    page: String,
    /// Write the forecast as a card for chat and papers: .svg, or .html with the link beside it
    #[arg(long, value_name = "FILE", value_parser = parse_card)]
    card: Option<Card>,
}

#[derive(Debug, Clone)]
struct Card {
    path: PathBuf,
    kind: CardKind,
}

#[derive(Debug, Clone, Copy)]
enum CardKind {
    Svg,
    Html,
}

fn parse_card(text: &str) -> Result<Card, String> {
    let path = PathBuf::from(text);
    let suffix = path.extension().map(|suffix| suffix.to_string_lossy().to_lowercase());
    let kind = match suffix.as_deref() {
        Some("svg") => CardKind::Svg,
        Some("html" | "htm") => CardKind::Html,
        _ => return Err("expected a name that ends in .svg or .html (a page saves it as PNG)".to_owned()),
    };
    Ok(Card { path, kind })
}

/// Compute a link's forecast again, and tell what cannot be computed again
///
/// Exit code 0: go, or no verdict asked for; 1: the verdict is no-go; 2: the link cannot be read.
#[derive(Debug, Args)]
struct Open {
    /// The whole address, or its end from the # on
    link: String,
    /// The predictor that the link names; without it everything is only claimed
    #[arg(long, value_name = "P.onnx")]
    predictor: Option<PathBuf>,
    /// Print everything as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &LinkCommand) -> Result<Answer> {
    match &arguments.what {
        What::Make(arguments) => make(arguments),
        What::Open(arguments) => open(arguments),
    }
}

fn make(arguments: &Make) -> Result<Answer> {
    let prepared = arguments.forecast.prepare()?;
    let name = arguments.forecast.file().file_name().map(|name| name.to_string_lossy().into_owned());
    let about = About {
        model: arguments.forecast.model().map(str::to_owned),
        fingerprint: prepared.plan.fingerprint.clone(),
        name: name.filter(|_| !arguments.no_name).map(|name| arguments.forecast.name_of_data(name)),
    };
    let vector = prepared.vector();
    let (link, forecast) =
        Link::make(&prepared.predictor, prepared.predictor_hash.clone(), &vector, &prepared.options, about)?;
    let text = format!("{}{}", arguments.page, link.to_text()?);
    if let Some(Card { path, kind }) = &arguments.card {
        let preview = Preview::of(&link, &forecast, &text);
        let content = match kind {
            CardKind::Svg => preview.svg(),
            CardKind::Html => preview.html(),
        };
        files::write_atomically(path, content.as_bytes())?;
        terminal::note(&format!("wrote {}", path.display()));
    }
    if arguments.forecast.is_json() {
        let value = json!({ "link": text, "characters": text.chars().count(), "forecast": forecast });
        terminal::data(&serde_json::to_string_pretty(&value)?)?;
    } else {
        terminal::data(&text)?;
        terminal::note(&forecast::text(&forecast, &link.features, &[]));
    }
    Ok(forecast::answer(&forecast))
}

fn open(arguments: &Open) -> Result<Answer> {
    let link = Link::parse(&arguments.link)?;
    let predictor = match &arguments.predictor {
        Some(path) => {
            let (predictor, hash) = forecast::load_predictor(path)?;
            if hash != link.predictor {
                bail!(
                    "the link was made with the predictor {}, and {} is {hash}: give that one, or none to see what \
                     the link claims",
                    link.predictor,
                    path.display()
                );
            }
            Some(predictor)
        }
        None => None,
    };
    let (plan, base_score) = (link.plan(), link.base_score());
    let changes = predictor
        .as_ref()
        .map(|predictor| predictor.what_if(&Link::known(&plan, base_score), &cheap_changes(&plan)))
        .transpose()?
        .unwrap_or_default();
    let opened = link.open(predictor.as_ref()).context("the link's values")?;
    if arguments.json {
        let mut value = serde_json::to_value(&opened)?;
        value["what_if"] = serde_json::to_value(&changes)?;
        terminal::data(&serde_json::to_string_pretty(&value)?)?;
    } else {
        terminal::data(&text(&opened, &changes))?;
    }
    let verdict = opened.recomputed.as_ref().map_or(opened.link.claimed.verdict, |forecast| forecast.verdict);
    Ok(if verdict == Verdict::NoGo { Answer::No } else { Answer::Yes })
}

fn text(opened: &Opened, changes: &[WhatIf]) -> String {
    let Opened { link, recomputed, agrees } = opened;
    let claimed = &link.claimed;
    let mut lines = Vec::new();
    if let Some(forecast) = recomputed {
        lines.push("computed here from the link's values:".to_owned());
        lines.push(forecast::text(forecast, &link.features, changes));
    }
    lines.push("claimed by the link:".to_owned());
    let interval =
        claimed.interval.map_or_else(String::new, |(low, high)| format!(", interval {low:.1} to {high:.1}"));
    lines.push(format!("  {} {:.1} points{interval}", claimed.evaluation, claimed.score));
    if *agrees == Some(false) {
        lines.push("  this is not what its own values come to".to_owned());
    }
    let name = link.dataset.name.as_deref().unwrap_or("a file without a name");
    lines.push(format!("  measured on {name}, fingerprint {}", link.dataset.fingerprint));
    if let Some(model) = &link.model {
        lines.push(format!("  for the base model {model}"));
    }
    if link.unknown_features > 0 {
        lines.push(format!("  {} values are of a newer version and unknown here", link.unknown_features));
    }
    lines.join("\n")
}
