//! Predictors of unknown origin: refused by name, or read into a model that answers for any row, missing
//! values included, and gives the same answers once written and read again; with their cards, models of errors and of
//! divergence, and a forecast of nothing.
#![no_main]

use foretune_core::features::FeatureVector;
use foretune_core::predict::onnx::{read, write};
use foretune_core::predict::predictor::{ForecastOptions, Predictor};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(predictor) = Predictor::load(data, |_| false) {
        let options = ForecastOptions { threshold: Some(50.0), ..ForecastOptions::default() };
        let _ = predictor.forecast(&FeatureVector::default(), &options);
    }
    let Ok(file) = read(data) else { return };
    let again = read(&write(&file.model, &[])).expect("what we write can be read").model;
    for value in [f64::NAN, 0.0, -1e300, f64::INFINITY] {
        let row = vec![value; file.model.feature_count];
        assert_eq!(file.model.predict(&row).to_bits(), again.predict(&row).to_bits());
    }
});
