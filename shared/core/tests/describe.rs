//! The descriptors from outside: on the reference data where it is there, and on made-up rows.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and says what it skipped"
)]

use std::borrow::Cow;
use std::path::PathBuf;

use foretune_core::describe::{
    DescribeContext, DescribeOptions, Description, Descriptors, EvalIndex, EvalIndexBuilder,
    ReferenceBuilder, ReferenceModel, ReferenceOptions, RowCounts,
};
use foretune_core::features::{BETWEEN_RULES, FEATURES, Group};
use foretune_core::formats::Place;
use foretune_core::hash::combine;
use foretune_core::schema::{Example, Role, Turn};
use proptest::prelude::*;
use serde_json::Value;

type Row = (String, String);

fn example((prompt, answer): &Row) -> Example<'_> {
    let turn = |role, text, trained| Turn { role, text: Cow::Borrowed(text), trained };
    let mut turns = vec![turn(Role::Assistant, answer.as_str(), true)];
    if !prompt.is_empty() {
        turns.insert(0, turn(Role::User, prompt.as_str(), false));
    }
    Example { turns, ..Example::default() }
}

fn place(row: usize) -> Place {
    Place { row: row as u64, line: row as u64, byte_offset: 10 * row as u64 }
}

fn row(prompt: &str, answer: &str) -> Row {
    (prompt.to_owned(), answer.to_owned())
}

/// Rows `order` of the file, each with its true row number.
fn part(rows: &[Row], order: &[usize], context: &DescribeContext<'_>) -> Descriptors {
    let mut part = Descriptors::new(&DescribeOptions { max_tokens: Some(30), seed: 1 });
    for index in order {
        part.observe(place(index + 1), &example(&rows[*index]), context);
    }
    part
}

fn finish(descriptors: &Descriptors, rows: usize, context: &DescribeContext<'_>) -> Description {
    let counts = RowCounts { rows: rows as u64, valid: rows as u64, refused: Some(1), special_tokens: None };
    descriptors.finish(context, &counts)
}

fn described(rows: &[Row]) -> Description {
    let context = DescribeContext::default();
    let order: Vec<usize> = (0..rows.len()).collect();
    finish(&part(rows, &order, &context), rows.len(), &context)
}

fn assert_near(found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance, "{found} against {expected}");
}

/// The text of a file of the reference data, or None with a note.
fn reference_file(path: &str) -> Option<String> {
    let whole: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../../../shared/data", path].iter().collect();
    let text = std::fs::read_to_string(&whole).ok();
    if text.is_none() {
        println!("skipped: {} is not there", whole.display());
    }
    text
}

fn json_rows(text: &str) -> Vec<Row> {
    let values: Vec<Value> = if text.trim_start().starts_with('[') {
        serde_json::from_str(text).unwrap()
    } else {
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let field = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    values
        .iter()
        .map(|value| {
            let (instruction, input) = (field(value, "instruction"), field(value, "input"));
            let prompt = if input.is_empty() { instruction } else { instruction + "\n" + &input };
            (prompt, field(value, "output"))
        })
        .collect()
}

fn index_of(rows: &[Row]) -> EvalIndex {
    let mut builder = EvalIndexBuilder::default();
    for (at, row) in rows.iter().enumerate() {
        builder.observe(place(at + 1), &example(row));
    }
    builder.finish()
}

fn small_model() -> ReferenceModel {
    let mut builder = ReferenceBuilder::default();
    builder.observe("the cat sat on the mat and the dog sat on the rug while the cat ate the fish");
    let options = ReferenceOptions { max_words: 50, max_pairs: 50, min_pair_count: 1 };
    ReferenceModel::from_bytes(&builder.build(&options)).unwrap()
}

/// Rows cut into `parts` by hash, each part in an order of its own, merged in turn, through bytes as between workers.
fn in_parts(rows: &[Row], parts: u64, seed: u64, context: &DescribeContext<'_>) -> Description {
    let mut merged: Option<Descriptors> = None;
    for which in 0..parts {
        let mut order: Vec<usize> =
            (0..rows.len()).filter(|index| combine(seed, *index as u64) % parts == which).collect();
        order.sort_by_key(|index| combine(seed ^ 7, *index as u64));
        let bytes = postcard::to_allocvec(&part(rows, &order, context)).unwrap();
        let part: Descriptors = postcard::from_bytes(&bytes).unwrap();
        merged = Some(match merged {
            Some(before) if which % 2 == 0 => before.merge(part),
            Some(before) => part.merge(before),
            None => part,
        });
    }
    finish(&merged.unwrap(), rows.len(), context)
}

fn assert_identical_in_parts(rows: &[Row], context: &DescribeContext<'_>, seeds: &[u64]) {
    let order: Vec<usize> = (0..rows.len()).collect();
    let whole = serde_json::to_string(&finish(&part(rows, &order, context), rows.len(), context)).unwrap();
    for seed in seeds {
        let parts = in_parts(rows, 2 + seed % 4, *seed, context);
        assert_eq!(serde_json::to_string(&parts).unwrap(), whole);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_split_and_order_of_random_rows_gives_the_identical_description(
        words in prop::collection::vec((0usize..6, 0usize..6, 0usize..4), 0..120),
        seed in any::<u64>(),
    ) {
        let texts = ["", "the cat sat on the mat today", "the cat sat on the mat to-day!", "Größe 中文 $5", "yes", "no\nno 12"];
        let rows: Vec<Row> = words
            .iter()
            .map(|(prompt, more, answer)| (format!("{} {}", texts[*prompt], texts[*more]), texts[*answer + 2].to_owned()))
            .collect();
        let (eval, model) = (index_of(&rows[..rows.len().min(3)]), small_model());
        let context = DescribeContext { eval: Some(&eval), reference: Some(&model), tokens: None };
        assert_identical_in_parts(&rows, &context, &[seed]);
    }
}

#[test]
fn any_split_and_order_of_real_files_gives_the_identical_description() {
    for path in ["instruct/alpaca_10k.json", "tasks/name_origin/train.jsonl", "tasks/language_id/train.jsonl"]
    {
        let Some(text) = reference_file(path) else { continue };
        let rows: Vec<Row> = json_rows(&text).into_iter().take(6000).collect();
        let eval = index_of(&rows[..500]);
        let context = DescribeContext { eval: Some(&eval), ..DescribeContext::default() };
        assert_identical_in_parts(&rows, &context, &[3, 4]);
    }
}

#[test]
fn every_registered_static_feature_is_set_and_no_other() {
    let description = described(&[row("a question", "an answer")]);
    let set: Vec<&str> = description.features.iter().map(|(name, _)| name).collect();
    let mut registered: Vec<&str> = FEATURES
        .iter()
        .flat_map(|group| group.iter())
        .filter(|feature| feature.group == Group::Static && !BETWEEN_RULES.contains(&feature.name))
        .map(|feature| feature.name)
        .collect();
    registered.sort_unstable();
    assert_eq!(set, registered);
}

#[test]
fn no_rows_give_missing_values_not_zeros() {
    let description = described(&[]);
    for name in
        ["avg_input_length", "exact_duplicate_share", "near_duplicate_share", "top_label_share", "input_ttr"]
    {
        assert!(description.features.get(name).is_nan(), "{name}");
    }
    assert!(serde_json::to_string(&description).unwrap().contains("\"avg_input_length\":null"));
}

#[test]
fn hand_counted_file_of_six_rows() {
    let long = "please tell me in a few plain words what the weather will be like in town this coming week";
    let rows = [
        row("Is this good?", "yes"),
        row("Is this good?", "no"),
        row("Is this bad?", "yes"),
        row("Is this bad?", "yes"),
        row(long, "Sunny."),
        row(&(long.to_owned() + " please"), "Sunny."),
    ];
    let description = described(&rows);
    let feature = |name: &str| description.features.get(name);
    assert_near(feature("dataset_num_items"), 6.0, 0.0);
    assert_near(feature("exact_duplicate_share"), 1.0 / 6.0, 1e-12);
    assert_near(feature("near_duplicate_share"), 1.0 / 5.0, 1e-12);
    assert_near(feature("approximate_duplicates"), 2.0 / 6.0, 1e-12);
    assert_near(feature("conflicting_answer_share"), 2.0 / 6.0, 1e-12);
    assert_near(feature("repeated_prompt_share"), 2.0 / 6.0, 1e-12);
    assert_near(feature("top_label_share"), 0.5, 1e-12);
    assert_near(feature("distinct_answers"), 3.0, 0.0);
    assert_near(feature("refused_share"), 1.0 / 6.0, 1e-12);
    assert!(feature("special_token_share").is_nan() && feature("eval_overlap_exact").is_nan());
    assert_eq!(
        description.exact_duplicates.groups[0].places.iter().map(|place| place.row).collect::<Vec<_>>(),
        [3, 4]
    );
    assert_eq!(
        description.near_duplicates.groups[0].places.iter().map(|place| place.row).collect::<Vec<_>>(),
        [5, 6]
    );
    assert_eq!(
        description.conflicts.groups[0].places.iter().map(|place| place.row).collect::<Vec<_>>(),
        [1, 2]
    );
    assert_eq!(description.labels.top[0].text, "yes");
}

#[test]
fn evaluation_rows_are_found_exactly_and_nearly() {
    let question = "what will the weather be like in the old town by the river on the last day of the week";
    let eval =
        index_of(&[row("What is 2 + 3?", "5"), row(question, "fine"), row("Something else entirely", "x")]);
    let context = DescribeContext { eval: Some(&eval), ..DescribeContext::default() };
    let rows = [
        row("what is 2 + 3", "five"),
        row("What is 2 - 3?", "-1"),
        row(&(question.to_owned() + " then"), "rain"),
        row("Unrelated words here", "y"),
    ];
    let description = finish(&part(&rows, &[0, 1, 2, 3], &context), 4, &context);
    let overlap = description.eval_overlap.unwrap();
    assert_eq!((overlap.train_rows_exact, overlap.train_rows_near), (1, 1));
    assert_eq!((overlap.exact[0].train.row, overlap.exact[0].eval.row), (1, 1));
    assert_eq!((overlap.near[0].train.row, overlap.near[0].eval.row), (3, 2));
    assert_near(description.features.get("eval_overlap_exact"), 1.0 / 3.0, 1e-12);
    assert_near(description.features.get("eval_overlap_near"), 1.0 / 3.0, 1e-12);
    let bytes = postcard::to_allocvec(&eval).unwrap();
    assert_eq!(postcard::from_bytes::<EvalIndex>(&bytes).unwrap(), eval);
}

#[test]
fn simple_rules_are_tried_on_the_evaluation_rows() {
    let rows: Vec<Row> = (0..40)
        .map(|at| {
            if at % 4 == 0 {
                row(&format!("rain falls {at}"), "no")
            } else {
                row(&format!("sun shines {at}"), "yes")
            }
        })
        .collect();
    let asked = [
        row("sun shines", "yes"),
        row("rain falls", "no"),
        row("rain falls down", "yes"),
        row("sun", "maybe"),
    ];
    let eval = index_of(&asked);
    let context = DescribeContext { eval: Some(&eval), ..DescribeContext::default() };
    let features = in_parts(&rows, 3, 7, &context).features;
    for (name, expected) in [
        ("eval_constant_score", 50.0),
        ("eval_naive_bayes_score", 50.0),
        ("eval_known_answer_share", 0.75),
        ("eval_top_label_share", 0.5),
        ("eval_label_entropy", 1.5),
    ] {
        assert_near(features.get(name), expected, 1e-12);
    }
    let without = in_parts(&rows, 3, 7, &DescribeContext::default()).features;
    assert!(without.get("eval_constant_score").is_nan());
    let nothing = index_of(&[]);
    let context = DescribeContext { eval: Some(&nothing), ..DescribeContext::default() };
    assert!(in_parts(&rows, 1, 7, &context).features.get("eval_naive_bayes_score").is_nan());
}

#[test]
fn sorted_files_drift_and_shuffled_ones_do_not() {
    let make = |row_of: &dyn Fn(usize) -> usize| -> Vec<Row> {
        (0..400)
            .map(|at| {
                let kind = row_of(at);
                let words = if kind == 0 { "sum the numbers" } else { "translate this phrase" };
                row(&format!("{words} {at}"), if kind == 0 { "number" } else { "phrase" })
            })
            .collect()
    };
    let sorted = described(&make(&|at| at / 200));
    let mixed = described(&make(&|at| (combine(5, at as u64) % 2) as usize));
    assert!(sorted.features.get("order_drift") > 0.2 && mixed.features.get("order_drift") < 0.05);
    assert!(
        sorted.features.get("order_label_runs") > 0.9 && mixed.features.get("order_label_runs").abs() < 0.2
    );
    assert_eq!(sorted.drift.len(), 10);
}

#[test]
fn languages_are_told_apart() {
    let Some(text) = reference_file("tasks/language_id/train.jsonl") else { return };
    let all = json_rows(&text);
    let (mut right, mut languages) = (0.0, 0.0);
    for language in
        ["English", "German", "French", "Spanish", "Italian", "Dutch", "Polish", "Turkish", "Finnish"]
    {
        let rows: Vec<Row> = all
            .iter()
            .filter(|(_, answer)| answer == language)
            .take(200)
            .map(|(prompt, _)| row("", prompt.split_once('\n').unwrap().1))
            .collect();
        let description = described(&rows);
        let share = description
            .languages
            .iter()
            .find(|share| share.name == language)
            .map_or(0.0, |share| share.share);
        println!("{language}: {share:.3}");
        right += share;
        languages += 1.0;
    }
    assert!(right / languages > 0.9, "{}", right / languages);
}

/// Against a naive Bayes fitted on the whole train file and scored on test rows (the data's own documentation): the
/// sample holds at most 4,096 rows, so tasks with many labels come out lower.
#[test]
fn learnability_agrees_with_an_independent_naive_bayes() {
    for (task, simple, below, above) in [
        ("clickbait_headline", 0.96, 0.05, 0.03),
        ("stackoverflow_tag", 0.86, 0.08, 0.05),
        ("product_category", 0.97, 0.05, 0.03),
        ("code_language", 0.90, 0.08, 0.05),
        ("bio_entity_type", 0.93, 0.08, 0.05),
        ("part_of_speech", 0.82, 0.08, 0.08),
        ("mrpc_paraphrase", 0.72, 0.10, 0.05),
        ("cola_acceptability", 0.62, 0.10, 0.10),
        ("rte_entailment", 0.53, 0.08, 0.08),
        ("tweet_irony", 0.66, 0.10, 0.08),
    ] {
        let Some(text) = reference_file(&format!("tasks/{task}/train.jsonl")) else { continue };
        let description = described(&json_rows(&text));
        let feature = |name: &str| description.features.get(name);
        println!(
            "{task}: naive Bayes {:.3} (documented {simple}), skill {:.3}, neighbours {:.3}, near copies {:.3}",
            feature("naive_bayes_accuracy"),
            feature("naive_bayes_skill"),
            feature("neighbour_label_agreement"),
            feature("near_duplicate_share"),
        );
        let accuracy = feature("naive_bayes_accuracy");
        assert!(
            accuracy > simple - below && accuracy < simple + above,
            "{task}: {accuracy} against {simple}"
        );
        assert!(feature("neighbour_label_agreement") > 1.0 / feature("distinct_answers") - 0.02);
        assert!(description.labels.label_like);
    }
}

#[test]
fn the_bundled_reference_model_tells_plain_english_from_damage() {
    let bytes = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/data/reference.bin")).unwrap();
    let model = ReferenceModel::from_bytes(&bytes).unwrap();
    let bits = |text: &str| model.cost(text).bits_per_word();
    let clean =
        bits("She looked out of the window and saw that the rain had stopped, so they went for a walk.");
    assert!(clean < 8.5, "{clean}");
    assert!(
        bits("rain the went that so looked she and stopped had out window saw of they for walk a the")
            > clean + 2.0
    );
    assert!(
        bits("Shz looked iut of tme windov end saw thap thk rain haq stoppid, so thwy wenk fur a wolk.")
            > clean + 6.0
    );
    assert!(bits("Sie schaute aus dem Fenster und sah, dass der Regen aufgehört hatte.") > clean + 10.0);
    let context = DescribeContext { reference: Some(&model), ..DescribeContext::default() };
    let rows = [row("What did she see?", "She saw that the rain had stopped.")];
    let description = finish(&part(&rows, &[0], &context), 1, &context);
    assert!(description.features.get("reference_bits_per_word") < 9.0);
    assert!(description.features.get("unigram_kl_to_reference") > 0.0);
}

#[test]
fn memory_stays_bounded_over_many_different_rows() {
    let context = DescribeContext::default();
    let mut descriptors = Descriptors::new(&DescribeOptions::default());
    for index in 0..400_000usize {
        let hash = combine(9, index as u64);
        let one = row(
            &format!("ask {hash:x} about {:x}", hash >> 40),
            &format!("answer {:x} of {index}", hash >> 20),
        );
        descriptors.observe(place(index + 1), &example(&one), &context);
    }
    let bytes = postcard::to_allocvec(&descriptors).unwrap().len();
    assert!(bytes < 40 << 20, "{bytes} bytes");
    let description = finish(&descriptors, 400_000, &context);
    assert_near(description.features.get("exact_duplicate_share"), 0.0, 1e-12);
    assert_near(description.features.get("distinct_answers") / 400_000.0, 1.0, 0.03);
    assert!(!description.exact_duplicates.complete);
    assert!(description.features.get("vocabulary_size") > 700_000.0);
}
