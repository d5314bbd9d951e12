//! Rules on the rows together: facts that other passes measured become findings here.

use serde::{Deserialize, Serialize};

use super::{Code, FindingCollector, Problem, Severity};
use crate::formats::Place;

/// OpenAI refuses files with fewer rows.
const REFUSED_BELOW_ROWS: u64 = 10;
/// Below this a fine-tune seldom beats examples in the prompt; 500 to 1,000 clean rows are the usual start.
const FEW_ROWS: u64 = 100;
/// One label with this share leaves less than a fifth for all others.
const DOMINANT_LABEL_SHARE: f64 = 0.8;
/// Labels whose commonest is this many times as frequent as an even split would make it…
const DOMINANT_TIMES_EVEN: f64 = 5.0;
/// …dominate only where always saying it is right this often: of 600 different sums none does.
const NOTICEABLE_LABEL_SHARE: f64 = 0.25;
/// Characters of a label that a finding quotes.
const LABEL_CHARS: usize = 30;

/// What the dataset-level rules look at. Missing measurements are `None`, and say nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DatasetFacts {
    pub rows: u64,
    pub rows_valid: u64,
    pub exact_duplicates: RepeatedRows,
    pub near_duplicates: RepeatedRows,
    /// Rows whose prompt an earlier row answers differently.
    pub conflicting_answers: RepeatedRows,
    pub eval_overlap: Option<EvalMatch>,
    pub eval_near_overlap: Option<EvalMatch>,
    pub order_drift: Option<OrderDrift>,
    /// Only where the outputs are labels.
    pub labels: Option<LabelFacts>,
}

/// Rows that repeat an earlier one; `listed` holds the first of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RepeatedRows {
    pub rows: u64,
    pub listed: Vec<Repeat>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Repeat {
    pub place: Place,
    /// Row number of the earlier row, or of the row in the evaluation file.
    pub same_as_row: u64,
    /// 0 to 1; NaN where it was not measured.
    pub similarity: f64,
}

/// Training rows that stand in the evaluation file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct EvalMatch {
    pub eval_rows: u64,
    pub matches: RepeatedRows,
}

/// How much early and late rows differ, on a scale where `threshold` separates drift from chance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrderDrift {
    pub score: f64,
    pub threshold: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabelFacts {
    pub distinct: u64,
    pub top_label: String,
    pub top_share: f64,
    /// Where all labels are known: the rarest, and its rows.
    pub rarest: Option<(String, u64)>,
}

impl LabelFacts {
    /// Whether one label dominates, absolutely or against an even split.
    pub fn is_imbalanced(&self) -> bool {
        self.distinct >= 2
            && (self.top_share >= DOMINANT_LABEL_SHARE
                || (self.distinct > 2
                    && self.top_share >= NOTICEABLE_LABEL_SHARE
                    && self.top_share * self.distinct as f64 >= DOMINANT_TIMES_EVEN))
    }
}

pub fn dataset_findings(facts: &DatasetFacts, collector: &mut FindingCollector) {
    no_rows(facts, collector);
    too_few_rows(facts, collector);
    repeats(Code::ExactDuplicate, &facts.exact_duplicates, "rows that differ", collector);
    repeats(Code::NearDuplicate, &facts.near_duplicates, "rows that differ", collector);
    repeats(Code::ConflictingAnswers, &facts.conflicting_answers, "one answer for one prompt", collector);
    for (code, overlap) in
        [(Code::EvalOverlap, &facts.eval_overlap), (Code::EvalNearOverlap, &facts.eval_near_overlap)]
    {
        if let Some(overlap) = overlap {
            repeats(code, &overlap.matches, "no row in both files", collector);
        }
    }
    order_drift(facts, collector);
    class_imbalance(facts, collector);
}

/// A header, an empty list or an empty table: nothing is wrong with it, and nothing can be trained on it.
fn no_rows(facts: &DatasetFacts, collector: &mut FindingCollector) {
    if facts.rows == 0 && collector.count_of_severity(Severity::Error) == 0 {
        let found = "a header, an empty list or an empty table without a row";
        collector.add_file(&Problem::new(Code::EmptyFile, "", found, "at least one row"));
    }
}

fn too_few_rows(facts: &DatasetFacts, collector: &mut FindingCollector) {
    // Where every row of a large file fails for one reason, that reason is the finding; so is a file without rows.
    let said_already = facts.rows == 0 || facts.rows >= FEW_ROWS;
    if facts.rows_valid >= FEW_ROWS || (facts.rows_valid == 0 && said_already) {
        return;
    }
    let expected = if facts.rows_valid < REFUSED_BELOW_ROWS {
        format!("at least {REFUSED_BELOW_ROWS} rows for OpenAI, 500 to 1,000 to learn from")
    } else {
        "500 to 1,000 rows to learn from".to_owned()
    };
    let found = if facts.rows_valid == 1 {
        "1 usable row".to_owned()
    } else {
        format!("{} usable rows", facts.rows_valid)
    };
    collector.add_file(&Problem::new(Code::TooFewRows, "", found, expected));
}

fn repeats(code: Code, repeated: &RepeatedRows, expected: &str, collector: &mut FindingCollector) {
    let listed = repeated
        .listed
        .iter()
        .map(|repeat| (repeat.place, Problem::new(code, "", repeat_words(code, repeat), expected)));
    collector.add_counted(code, repeated.rows, listed);
}

fn repeat_words(code: Code, repeat: &Repeat) -> String {
    let row = repeat.same_as_row;
    let similarity = if repeat.similarity.is_finite() {
        format!(" ({:.0} % of the words shared)", repeat.similarity * 100.0)
    } else {
        String::new()
    };
    match code {
        Code::ConflictingAnswers => format!("the prompt of row {row}, another answer"),
        Code::EvalOverlap => format!("the same as row {row} of the evaluation file"),
        Code::EvalNearOverlap => format!("nearly row {row} of the evaluation file{similarity}"),
        Code::NearDuplicate => format!("nearly the same as row {row}{similarity}"),
        _ => format!("the same as row {row}"),
    }
}

fn order_drift(facts: &DatasetFacts, collector: &mut FindingCollector) {
    if let Some(drift) = &facts.order_drift
        && drift.score > drift.threshold
    {
        let found = format!("drift of {:.2} between early and late rows", drift.score);
        let expected = format!("at most {:.2}, as in shuffled rows", drift.threshold);
        collector.add_file(&Problem::new(Code::OrderDrift, "", found, expected));
    }
}

fn class_imbalance(facts: &DatasetFacts, collector: &mut FindingCollector) {
    if let Some(labels) = &facts.labels
        && labels.is_imbalanced()
    {
        let top = super::excerpt(&labels.top_label, LABEL_CHARS);
        let mut found = format!("“{top}” in {:.1} % of the rows", labels.top_share * 100.0);
        if let Some((label, rows)) = &labels.rarest {
            let label = super::excerpt(label, LABEL_CHARS);
            found.push_str(&format!("; the rarest of {} labels, “{label}”, in {rows}", labels.distinct));
        }
        collector.add_file(&Problem::new(Code::ClassImbalance, "", found, "labels of comparable frequency"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collect(facts: &DatasetFacts) -> FindingCollector {
        let mut collector = FindingCollector::default();
        dataset_findings(facts, &mut collector);
        collector
    }

    fn plenty() -> DatasetFacts {
        DatasetFacts { rows: 5000, rows_valid: 5000, ..DatasetFacts::default() }
    }

    #[test]
    fn a_clean_file_has_none() {
        assert!(collect(&plenty()).is_empty());
    }

    #[test]
    fn a_file_without_rows_is_an_error() {
        let collector = collect(&DatasetFacts::default());
        assert_eq!((collector.count(Code::EmptyFile), collector.count(Code::TooFewRows)), (1, 0));
        // Where something else is the reason, that is said alone.
        let mut bomb = FindingCollector::default();
        bomb.add_file(&Problem::new(Code::ExpansionLimit, "", "", ""));
        dataset_findings(&DatasetFacts::default(), &mut bomb);
        assert_eq!(bomb.counts().len(), 1);
    }

    #[test]
    fn few_rows_are_said_with_the_number_that_counts() {
        let with_rows = |rows_valid| DatasetFacts { rows: rows_valid, rows_valid, ..DatasetFacts::default() };
        let listed = |rows| collect(&with_rows(rows)).listed().next().cloned();
        assert!(listed(9).unwrap().expected.contains("10 rows for OpenAI"));
        assert!(!listed(10).unwrap().expected.contains("OpenAI"));
        assert_eq!(listed(1).unwrap().found, "1 usable row");
        assert!(listed(100).is_none());
        let unmapped = DatasetFacts { rows: 5572, rows_valid: 0, ..DatasetFacts::default() };
        assert!(collect(&unmapped).is_empty());
    }

    #[test]
    fn repeats_name_the_other_row_and_keep_their_count() {
        let place = Place { row: 9, line: 9, byte_offset: 800 };
        let repeated =
            RepeatedRows { rows: 40, listed: vec![Repeat { place, same_as_row: 2, similarity: 0.93 }] };
        let facts = DatasetFacts {
            exact_duplicates: repeated.clone(),
            near_duplicates: repeated.clone(),
            conflicting_answers: repeated.clone(),
            eval_overlap: Some(EvalMatch { eval_rows: 100, matches: repeated.clone() }),
            eval_near_overlap: Some(EvalMatch { eval_rows: 100, matches: repeated }),
            ..plenty()
        };
        let collector = collect(&facts);
        assert_eq!(collector.counts().values().copied().collect::<Vec<_>>(), [40; 5]);
        let near = &collector.group(Code::NearDuplicate).unwrap().listed[0];
        assert_eq!(
            (near.row, near.found.as_str()),
            (Some(9), "nearly the same as row 2 (93 % of the words shared)")
        );
    }

    #[test]
    fn imbalance_is_judged_against_an_even_split() {
        let labels = |distinct, top_share| LabelFacts {
            distinct,
            top_label: "ham".into(),
            top_share,
            rarest: Some(("spam".into(), 3)),
        };
        assert!(labels(2, 0.877).is_imbalanced());
        assert!(!labels(2, 0.637).is_imbalanced());
        assert!(labels(17, 0.744).is_imbalanced());
        assert!(!labels(5, 0.267).is_imbalanced());
        assert!(!labels(77, 0.019).is_imbalanced());
        assert!(labels(18, 0.547).is_imbalanced());
        assert!(!labels(528, 0.039).is_imbalanced(), "the commonest of many sums");
        assert!(!labels(1, 1.0).is_imbalanced());
        assert_eq!(
            collect(&DatasetFacts { labels: Some(labels(2, 0.9)), ..plenty() }).count(Code::ClassImbalance),
            1
        );
    }

    #[test]
    fn drift_is_a_finding_only_past_its_threshold() {
        let facts =
            |score| DatasetFacts { order_drift: Some(OrderDrift { score, threshold: 0.3 }), ..plenty() };
        assert!(collect(&facts(0.3)).is_empty());
        assert_eq!(collect(&facts(0.31)).count(Code::OrderDrift), 1);
        assert!(collect(&facts(f64::NAN)).is_empty());
    }
}
