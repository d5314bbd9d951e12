//! The page's options: core's, with the mapping written as the command line takes it.

use foretune_core::check::CheckOptions;
use foretune_core::schema::Mapping;
use serde::Deserialize;

use crate::failure::Failure;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PageOptions {
    max_tokens: Option<u32>,
    mapping: Option<String>,
}

pub fn check_options(json: &str) -> Result<CheckOptions, Failure> {
    let page: PageOptions = serde_json::from_str(json).map_err(Failure::mixed_builds)?;
    let mapping = page.mapping.map(|text| Mapping::parse(&text)).transpose().map_err(|error| {
        Failure::new(error.to_string(), "Choose the columns for the prompt and for the answer")
    })?;
    Ok(CheckOptions { max_tokens: page.max_tokens, mapping, ..CheckOptions::default() })
}
