//! Of the static features those that need evaluation rows, alone: for a file that was described without them.

use super::descriptors::{DescribeOptions, SampleRow, offer};
use super::eval::{EvalIndex, EvalIndexBuilder, OverlapCounts};
use super::finish::{set_outlook, set_overlap};
use super::row_scan::RowScan;
use super::sample::{Prepared, PromptView};
use super::sketch::PrioritySample;
use crate::features::FeatureVector;
use crate::formats::Place;
use crate::limits::{MAX_SAMPLE_BYTES, MAX_SAMPLE_ROWS};
use crate::schema::Example;

/// Row numbers are those of each part as a file of its own: the samples depend on them.
#[derive(Debug)]
pub(crate) struct EvaluationFeatures {
    training: PrioritySample<SampleRow>,
    evaluation: EvalIndexBuilder,
}

impl Default for EvaluationFeatures {
    fn default() -> Self {
        let training = PrioritySample::new(MAX_SAMPLE_ROWS, MAX_SAMPLE_BYTES);
        Self { training, evaluation: EvalIndexBuilder::default() }
    }
}

impl EvaluationFeatures {
    pub fn observe_training(&mut self, place: Place, example: &Example<'_>) {
        let scan = RowScan::of(example);
        let tokens = [scan.input_tokens, scan.output_tokens];
        offer(&mut self.training, DescribeOptions::default().seed, place, example, &scan, tokens);
    }

    pub fn observe_evaluation(&mut self, place: Place, example: &Example<'_>) {
        self.evaluation.observe(place, example);
    }

    /// For training rows of which none has the prompt of an evaluation row, or nearly so: they are not looked for.
    pub fn finish(self) -> FeatureVector {
        let index: EvalIndex = self.evaluation.finish();
        let prepared = Prepared::new(&self.training);
        let mut features = FeatureVector::default();
        set_outlook(&mut features, Some(&index), PromptView::best(&prepared).as_ref());
        set_overlap(&mut features, Some(&OverlapCounts::default().report(&index)));
        features
    }
}
