//! What the user means to run, as far as they said.

use serde::{Deserialize, Serialize};

use super::models::base_model;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    Lora { rank: u32 },
    Full,
}

/// Missing values are `None`: the advice then says what to start with instead of judging.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Recipe {
    /// A name from the table of base models, or any other.
    pub model: Option<String>,
    /// Where the model is not in the table.
    pub model_parameters: Option<f64>,
    pub method: Method,
    pub learning_rate: Option<f64>,
    pub epochs: f64,
    /// Rows for each step, accumulation included.
    pub batch_rows: u32,
    pub dropout: Option<f64>,
    pub max_tokens: Option<u32>,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            model: None,
            model_parameters: None,
            method: Method::Lora { rank: 16 },
            learning_rate: None,
            epochs: 3.0,
            batch_rows: 16,
            dropout: None,
            max_tokens: None,
        }
    }
}

impl Recipe {
    pub fn parameters(&self) -> Option<f64> {
        let listed = self.model.as_deref().and_then(base_model).map(|model| model.parameters);
        listed.or(self.model_parameters).filter(|parameters| parameters.is_finite() && *parameters > 0.0)
    }

    /// Parameters that training changes.
    pub fn trained_parameters(&self) -> Option<f64> {
        /// Rank 16 on all linear layers of the models in the table is 0.5 to 1.8 % of them; larger ones have less.
        const SHARE_AT_RANK_16: f64 = 0.005;
        match self.method {
            Method::Full => self.parameters(),
            Method::Lora { rank } => match self.model.as_deref().and_then(base_model) {
                Some(model) => Some(model.lora_parameters(rank)),
                None => self.parameters().map(|all| all * SHARE_AT_RANK_16 * f64::from(rank) / 16.0),
            },
        }
    }

    pub fn steps(&self, rows: u64) -> f64 {
        (rows as f64 * self.epochs / f64::from(self.batch_rows.max(1))).ceil()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_come_from_the_table_or_from_the_user() {
        let listed = Recipe { model: Some("Llama-3.1-8B".into()), ..Recipe::default() };
        assert!((listed.trained_parameters().unwrap() - 41_943_040.0).abs() < 0.5);
        let given = Recipe { model: Some("mine".into()), model_parameters: Some(2e9), ..Recipe::default() };
        assert!((given.trained_parameters().unwrap() - 1e7).abs() < 1.0);
        assert_eq!(Recipe::default().parameters(), None);
        assert!((Recipe::default().steps(1000) - 188.0).abs() < 1e-9);
    }

    #[test]
    fn missing_fields_take_their_defaults() {
        let recipe: Recipe = serde_json::from_str(r#"{"learning_rate": 0.0002}"#).unwrap();
        assert_eq!(recipe, Recipe { learning_rate: Some(0.0002), ..Recipe::default() });
    }
}
