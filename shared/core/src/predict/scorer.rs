//! A model that only another engine can run, such as a network: a score, attributions by sampling, and nothing that
//! a card or trees would tell.

use std::fmt::Debug;
use std::sync::Arc;

use super::predictor::{Predictor, PredictorError};
use super::staged::Staged;

/// What scores a row. Missing values are NaN, and so is a score that the model cannot give.
pub trait Scorer: Debug + Send + Sync {
    fn score(&self, row: &[f64]) -> f64;
}

impl Predictor {
    /// Refuses features that the registry and `known` lack.
    pub fn of_scorer(
        names: Vec<String>,
        scorer: Arc<dyn Scorer>,
        known: impl Fn(&str) -> bool,
    ) -> Result<Self, PredictorError> {
        Self::check_names(&names, known)?;
        Ok(Self {
            // Stands for the one stage that answers; its number is never read.
            model: Staged::constant(names.len(), f64::NAN),
            card: None,
            names,
            error_model: None,
            divergence_model: None,
            scorer: Some(scorer),
            explainer: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::FeatureVector;
    use crate::predict::predictor::ForecastOptions;

    #[derive(Debug)]
    struct Product;

    impl Scorer for Product {
        fn score(&self, row: &[f64]) -> f64 {
            30.0 + row[0] * row[1]
        }
    }

    fn predictor() -> Predictor {
        let names = ["epochs", "lora_rank"].map(str::to_owned).to_vec();
        Predictor::of_scorer(names, Arc::new(Product), |_| false).unwrap()
    }

    #[test]
    fn attributions_are_sampled_and_add_up() {
        let mut vector = FeatureVector::default();
        vector.set("epochs", 3.0);
        vector.set("lora_rank", 4.0);
        let forecast = predictor().forecast(&vector, &ForecastOptions::default()).unwrap();
        assert!((forecast.score - 42.0).abs() < 1e-12);
        assert!(forecast.shap_method.starts_with("sampled"), "{}", forecast.shap_method);
        assert!((forecast.base + forecast.shap.values().sum::<f64>() - 42.0).abs() < 1e-9);
        assert!(!forecast.in_distribution && forecast.interval.is_none());
    }

    #[test]
    fn a_model_that_cannot_do_without_a_feature_names_it() {
        let mut vector = FeatureVector::default();
        vector.set("epochs", 3.0);
        let refused = predictor().forecast(&vector, &ForecastOptions::default()).unwrap_err();
        assert_eq!(refused, PredictorError::NoAnswer { missing: vec!["lora_rank".into()] });
        let unknown = Predictor::of_scorer(vec!["shoe_size".into()], Arc::new(Product), |_| false);
        assert!(matches!(unknown, Err(PredictorError::UnknownFeatures { .. })));
    }
}
