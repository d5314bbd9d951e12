//! Lets tests/pipeline/check.py run our fit: a table and its splits come as JSON on stdin, predictions for
//! each test part go to stdout as JSON. What is chosen is decided inside each training part.

use std::io::{self, Read};

use foretune_core::predict::fit::{SearchOptions, Table, search};
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text)?;
    let input: Value = serde_json::from_str(&text)?;
    let numbers = |value: &Value| -> Vec<f64> {
        let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
        list.iter().map(|number| number.as_f64().unwrap_or(f64::NAN)).collect()
    };
    let lists = |value: &Value| -> Vec<Vec<f64>> {
        value.as_array().map(Vec::as_slice).unwrap_or_default().iter().map(numbers).collect()
    };
    let rows = lists(&input["rows"]);
    let names = input["names"].as_array().ok_or("names")?;
    let table = Table {
        names: names.iter().map(|name| name.as_str().unwrap_or_default().to_owned()).collect(),
        groups: (0..rows.len() as u64).collect(),
        target: numbers(&input["target"]),
        rows,
    };
    let indices = |list: &[f64]| -> Vec<usize> { list.iter().map(|index| *index as usize).collect() };
    let mut answers = Vec::new();
    for (train, test) in lists(&input["train"]).iter().zip(lists(&input["test"])) {
        let choice = search(&table.select(&indices(train)), None, &SearchOptions::default(), || {})?;
        let predicted: Vec<f64> =
            indices(&test).iter().map(|row| choice.model.predict(&table.rows[*row])).collect();
        let log: Vec<Value> = choice.log.iter().map(|line| json!([line.recipe, line.rmse])).collect();
        answers.push(json!({ "predicted": predicted, "description": choice.description, "log": log }));
    }
    serde_json::to_writer(io::stdout(), &answers)?;
    Ok(())
}
