//! What a table lets a person choose, and what is chosen where nobody says: the forms of the page start here.

use std::collections::BTreeMap;

use serde::Serialize;

use super::problem::Result;
use super::table::Table;

/// Columns, data sizes, models: whatever the three kinds of tables can be asked about.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Offer {
    Curves {
        sizes: Vec<f64>,
        budget: f64,
        target: f64,
    },
    Checkpoints {
        /// Columns of numbers.
        columns: Vec<String>,
        target: String,
    },
    Scores {
        /// By rising parameters.
        sizes: Vec<SizeOffer>,
        small: Vec<String>,
        target: String,
        /// Columns that hold several kinds of results, of which one has to be chosen.
        filters: Vec<FilterOffer>,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SizeOffer {
    pub name: String,
    pub parameters: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FilterOffer {
    pub column: String,
    pub values: Vec<String>,
    pub chosen: String,
}

/// How far beyond the largest size a table of whole curves is asked about.
const DOUBLINGS_AHEAD: f64 = 8.0;
const MOST_VALUES: usize = 40;

pub fn of_curves(text: &str) -> Result<Offer> {
    let table = Table::parse(text)?;
    let mut columns: Vec<(f64, usize)> = table
        .header()
        .iter()
        .enumerate()
        .filter_map(|(column, header)| Some((header.replace('_', "").parse::<f64>().ok()?, column)))
        .filter(|(size, _)| *size > 0.0)
        .collect();
    columns.sort_by(|a, b| a.0.total_cmp(&b.0));
    // A size that nobody has a value for, or only some, is one that is asked about.
    let is_complete = |column: usize| (0..table.rows()).all(|row| !table.text(row, column).is_empty());
    let sizes: Vec<f64> = columns.iter().map(|(size, _)| *size).collect();
    let complete: Vec<f64> =
        columns.iter().take_while(|(_, column)| is_complete(*column)).map(|(size, _)| *size).collect();
    let largest = sizes.last().copied().unwrap_or(1.0);
    let budget = complete.last().copied().unwrap_or(largest);
    let target = if budget < largest { largest } else { DOUBLINGS_AHEAD * largest };
    Ok(Offer::Curves { sizes, budget, target })
}

pub fn of_checkpoints(text: &str) -> Result<Offer> {
    let table = Table::parse(text)?;
    let is_numeric = |column: &usize| {
        (0..table.rows()).all(|row| table.number_or_missing(row, *column).is_ok())
            && (0..table.rows()).any(|row| !table.text(row, *column).is_empty())
    };
    let numeric: Vec<usize> = (1..table.header().len()).filter(is_numeric).collect();
    let has_gap = |column: &&usize| (0..table.rows()).any(|row| table.text(row, **column).is_empty());
    let is_tuned = |column: &&usize| table.header()[**column].to_lowercase().starts_with("sft");
    let target = numeric.iter().find(has_gap).or_else(|| numeric.iter().find(is_tuned)).or(numeric.first());
    let name = |column: &usize| table.header()[*column].clone();
    Ok(Offer::Checkpoints {
        columns: numeric.iter().map(name).collect(),
        target: target.map(name).unwrap_or_default(),
    })
}

pub fn of_scores(text: &str) -> Result<Offer> {
    let table = Table::parse(text)?;
    let (size, parameters) = (table.column("size")?, table.column("params")?);
    let mut by_name: BTreeMap<&str, f64> = BTreeMap::new();
    for row in 0..table.rows() {
        by_name.insert(
            table.text(row, size),
            table.number(row, parameters, "every row needs its model's size")?,
        );
    }
    let mut sizes: Vec<SizeOffer> = by_name
        .into_iter()
        .map(|(name, parameters)| SizeOffer { name: name.to_owned(), parameters })
        .collect();
    sizes.sort_by(|a, b| a.parameters.total_cmp(&b.parameters));
    let target = sizes.last().map(|size| size.name.clone()).unwrap_or_default();
    let small = sizes.iter().rev().skip(1).rev().map(|size| size.name.clone()).collect();
    let known = ["size", "params", "step", "task", "item", "value", "stderr"];
    let mut filters = Vec::new();
    for (column, name) in
        table.header().iter().enumerate().filter(|(_, name)| !known.contains(&name.as_str()))
    {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for row in 0..table.rows() {
            *counts.entry(table.text(row, column)).or_default() += 1;
        }
        if counts.len() < 2 || counts.len() > MOST_VALUES {
            continue;
        }
        let most = counts.iter().map(|(value, count)| (*count, std::cmp::Reverse(*value))).max();
        let chosen = most.map(|(_, std::cmp::Reverse(value))| value.to_owned()).unwrap_or_default();
        let values = counts.into_keys().map(str::to_owned).collect();
        filters.push(FilterOffer { column: name.clone(), values, chosen });
    }
    Ok(Offer::Scores { sizes, small, target, filters })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_say_what_is_asked_about() {
        let offer = of_curves("name,100,200,400,800\na,3,2,1.5,\nb,3,2.5,2,1.8\n").unwrap();
        assert_eq!(
            offer,
            Offer::Curves { sizes: vec![100.0, 200.0, 400.0, 800.0], budget: 400.0, target: 800.0 }
        );
        let whole = of_curves("name,100,200,400\na,3,2,1.5\n").unwrap();
        assert!(matches!(whole, Offer::Curves { budget: 400.0, target: 3200.0, .. }));
        let offer = of_checkpoints("model,ppl,sft_a,note\nx,1,,words\ny,2,3,words\n").unwrap();
        let columns = vec!["ppl".to_owned(), "sft_a".to_owned()];
        assert_eq!(offer, Offer::Checkpoints { columns, target: "sft_a".to_owned() });
        let text = "size,params,task,metric,value\nL,9,t,acc,1\nS,1,t,acc,1\nS,1,t,em,1\n";
        let Offer::Scores { small, target, filters, .. } = of_scores(text).unwrap() else { panic!() };
        assert_eq!((small, target.as_str()), (vec!["S".to_owned()], "L"));
        assert_eq!((filters[0].column.as_str(), filters[0].chosen.as_str()), ("metric", "acc"));
    }
}
