//! From the accumulator to the description: every static feature of the registry is set here, once.

use super::chars::Script;
use super::description::{Description, Histograms, OverlapReport, Share, TokenEstimate};
use super::descriptors::{DescribeContext, Descriptors, RowCounts};
use super::eval::EvalIndex;
use super::sample::{self, EvaluationOutlook, Prepared, PromptView};
use super::scan::TextCounts;
use crate::features::FeatureVector;

/// Bars of a drawn histogram.
const BARS: usize = 40;

pub(super) fn describe(all: &Descriptors, context: &DescribeContext<'_>, counts: &RowCounts) -> Description {
    let mut features = FeatureVector::default();
    let prepared = Prepared::new(&all.sample);
    set_sizes(&mut features, all, context, counts);
    set_characters(&mut features, all, &prepared);
    set_words(&mut features, all, &prepared);
    set_relations(&mut features, &prepared);
    let view = PromptView::best(&prepared);
    set_learnability(&mut features, view.as_ref());
    set_outlook(&mut features, context.eval, view.as_ref());
    set_reference(&mut features, context, &prepared);

    let languages = sample::languages(&prepared);
    features.set("english_share", languages.english_share);
    features.set("language_entropy", languages.entropy);
    let drift = sample::drift(&prepared);
    features.set("order_drift", drift.divergence);
    features.set("order_label_runs", drift.label_runs);

    let mut near_table = all.near.clone();
    near_table.settle();
    let near = near_table.compare(all.copies.distinct());
    let exact_share = all.copies.extra_share();
    features.set("exact_duplicate_share", exact_share);
    features.set("near_duplicate_share", near.extra_share_of_distinct);
    features.set("approximate_duplicates", exact_share + (1.0 - exact_share) * near.extra_share_of_distinct);
    features.set("repeated_prompt_share", all.prompts.repeated_share());
    features.set("conflicting_answer_share", all.prompts.conflict_share());
    let eval_overlap = context.eval.map(|index| all.overlap.report(index));
    set_overlap(&mut features, eval_overlap.as_ref());

    let sampled_answers: Vec<u64> = all.sample.iter().filter_map(|row| row.answer_hash).collect();
    let labels = all.answers.features(&sampled_answers);
    features.set("output_label_entropy", labels.entropy);
    features.set("output_label_balance", labels.balance);
    features.set("top_label_share", labels.top_share);
    features.set("rare_answer_share", labels.rare_share);
    features.set("distinct_answers", labels.distinct);

    Description {
        features,
        tokens_exact: context.tokens.is_some(),
        token_estimate: TokenEstimate::new(
            all.estimated_tokens,
            context.tokens.is_some().then_some(all.text_tokens),
        ),
        histograms: Histograms {
            tokens_in: all.tokens_in.bars(BARS),
            tokens_out: all.tokens_out.bars(BARS),
            tokens_total: all.tokens_total.bars(BARS),
            chars: all.chars.bars(BARS),
            turns: all.turns.bars(BARS),
        },
        labels: all.answers.report(&labels),
        exact_duplicates: all.copies.report(),
        near_duplicates: near.report,
        conflicts: all.prompts.report(),
        eval_overlap,
        scripts: script_shares(all),
        languages: languages.shares,
        openings: sample::openings(&prepared),
        drift: drift.stretches,
        sampled_rows: all.sample.len() as u64,
    }
}

fn set_sizes(
    features: &mut FeatureVector,
    all: &Descriptors,
    context: &DescribeContext<'_>,
    counts: &RowCounts,
) {
    let observed = all.tokens_total.count() as f64;
    let share = |rows: u64| rows as f64 / observed;
    features.set("dataset_num_items", counts.rows as f64);
    features.set("static_valid_count", counts.valid as f64);
    features.set("static_skipped_count", counts.rows.saturating_sub(counts.valid) as f64);
    features.set("static_coverage", counts.valid as f64 / counts.rows as f64);
    features.set("dataset_total_chars", (all.input.chars + all.output.chars) as f64);
    for (side, histogram) in [("input", &all.tokens_in), ("output", &all.tokens_out)] {
        features.set(&format!("avg_{side}_length"), histogram.mean());
        features.set(&format!("{side}_length_std"), histogram.sd());
        features.set(&format!("{side}_length_p95"), histogram.quantile(0.95));
        features.set(&format!("{side}_length_max"), histogram.max());
    }
    features.set("dataset_total_tokens", all.tokens_total.sum() as f64);
    features.set("total_length_p95", all.tokens_total.quantile(0.95));
    features.set("total_length_max", all.tokens_total.max());
    features.set("token_counts_exact", f64::from(u8::from(context.tokens.is_some())));
    let truncated = all.options.max_tokens.map_or(f64::NAN, |_| share(all.truncated_rows));
    features.set("truncated_share", truncated);
    let ratio = all.tokens_out.sum() as f64 / all.tokens_in.sum() as f64;
    features.set("io_length_ratio", if ratio.is_finite() { ratio } else { f64::NAN });
    features.set("avg_turns", all.turns.mean());
    features.set("system_share", share(all.system_rows));
    features.set("empty_answer_share", share(all.empty_answer_rows));
    features.set("all_masked_share", share(all.all_masked_rows));
    let of_valid = |rows: Option<u64>| rows.map_or(f64::NAN, |rows| rows as f64 / counts.valid as f64);
    features.set("refused_share", of_valid(counts.refused));
    features.set("special_token_share", of_valid(counts.special_tokens));
}

fn set_characters(features: &mut FeatureVector, all: &Descriptors, prepared: &Prepared<'_>) {
    let mut text = all.input;
    text.add(&all.output);
    let share = |count: u64| count as f64 / text.chars as f64;
    features.set("special_char_ratio", share(text.punctuation + text.symbols + text.emoji + text.controls));
    features.set("punctuation_ratio", share(text.punctuation));
    features.set("symbol_ratio", share(text.symbols));
    features.set("emoji_ratio", share(text.emoji));
    features.set("control_char_ratio", share(text.controls));
    features.set("digit_ratio", share(text.digits));
    features.set("newline_ratio", share(text.newlines));
    features.set("uppercase_ratio", text.upper as f64 / (text.upper + text.lower) as f64);
    let texts = prepared.rows.iter().flat_map(|row| [row.row.prompt.as_str(), row.row.answer.as_str()]);
    let signs = sample::sign_shares(texts);
    features.set("repeated_char_ratio", signs.repeated);
    features.set("wide_space_ratio", signs.wide_spaces);
    features.set("shouted_word_ratio", signs.shouted_words);
    let letters = letters_by_script(&text);
    let total: u64 = letters.iter().sum();
    let shares = || letters.iter().map(|count| *count as f64 / total as f64).filter(|share| *share > 0.0);
    features.set("non_latin_share", 1.0 - letters[Script::Latin as usize] as f64 / total as f64);
    let entropy: f64 = shares().map(|share| -share * libm::log2(share)).sum();
    features.set("script_entropy", if total == 0 { f64::NAN } else { entropy });
}

fn letters_by_script(text: &TextCounts) -> [u64; Script::ALL.len()] {
    let mut letters = text.scripts;
    letters[Script::Latin as usize] += text.lower + text.upper;
    letters
}

fn script_shares(all: &Descriptors) -> Vec<Share> {
    let mut text = all.input;
    text.add(&all.output);
    let letters = letters_by_script(&text);
    let total: u64 = letters.iter().sum();
    let mut shares: Vec<Share> = Script::ALL
        .iter()
        .filter(|script| letters[**script as usize] > 0)
        .map(|script| Share {
            name: script.name().to_owned(),
            share: letters[*script as usize] as f64 / total as f64,
        })
        .collect();
    shares.sort_by(|one, other| other.share.total_cmp(&one.share).then(one.name.cmp(&other.name)));
    shares
}

fn set_words(features: &mut FeatureVector, all: &Descriptors, prepared: &Prepared<'_>) {
    let vocabulary = prepared.hashes.len();
    let prompts = || prepared.rows.iter().map(|row| row.prompt.as_slice());
    let answers = || prepared.rows.iter().map(|row| row.answer.as_slice());
    features.set("input_ttr", sample::moving_type_token_ratio(prompts(), vocabulary));
    features.set("output_ttr", sample::moving_type_token_ratio(answers(), vocabulary));
    features.set("output_ngram_repetition", sample::repeated_trigram_share(answers()));
    features.set("unigram_entropy", sample::unigram_entropy(prompts().chain(answers()), vocabulary));
    features.set("vocabulary_size", all.words.distinct_estimate());
    let words = all.input.words + all.output.words;
    features.set("vocab_complexity", (all.input.long_words + all.output.long_words) as f64 / words as f64);
    let mut text = Vec::new();
    for row in &prepared.rows {
        text.extend_from_slice(row.row.prompt.as_bytes());
        text.push(b'\n');
        text.extend_from_slice(row.row.answer.as_bytes());
        text.push(b'\n');
    }
    features.set("compressibility", sample::compressed_share(&text));
    features.set("instruction_complexity", sample::instruction_complexity(prepared));
}

fn set_relations(features: &mut FeatureVector, prepared: &Prepared<'_>) {
    let vectors = sample::vector_features(prepared);
    features.set("io_similarity", vectors.io_similarity);
    features.set("semantic_consistency", vectors.semantic_consistency);
    features.set("answer_groundedness", vectors.answer_groundedness);
    features.set("semantic_diversity", vectors.semantic_diversity);
    features.set("embedding_outlier_ratio", vectors.embedding_outlier_ratio);
}

fn set_reference(features: &mut FeatureVector, context: &DescribeContext<'_>, prepared: &Prepared<'_>) {
    let mut bits = Vec::new();
    let (mut alone, mut words) = (0u64, 0u64);
    if let Some(model) = context.reference {
        for row in &prepared.rows {
            let (prompt, answer) = (model.cost(&row.row.prompt), model.cost(&row.row.answer));
            let both = prompt.plus(answer);
            if both.words > 0 {
                bits.push(both.bits_per_word());
            }
            alone += both.alone;
            words += both.words;
        }
    }
    features.set("reference_bits_per_word", sample::mean(&bits));
    features.set("reference_bits_sd", sample::sd(&bits));
    features.set("reference_bits_p10", sample::quantile(&bits, 0.1));
    features.set("reference_bits_p50", sample::quantile(&bits, 0.5));
    features.set("reference_bits_p90", sample::quantile(&bits, 0.9));
    features.set("reference_perplexity", libm::exp2(sample::mean(&bits)));
    let cross_entropy = alone as f64 / super::reference::STEPS / words as f64;
    features.set("unigram_kl_to_reference", cross_entropy - features.get("unigram_entropy"));
}

/// How the answers follow from the prompts.
fn set_learnability(features: &mut FeatureVector, view: Option<&PromptView<'_>>) {
    let learnability = sample::learnability(view);
    features.set("naive_bayes_accuracy", learnability.naive_bayes_accuracy);
    features.set("naive_bayes_skill", learnability.naive_bayes_skill);
    features.set("neighbour_label_agreement", learnability.neighbour_agreement);
}

/// What the evaluation rows ask of it: a fine-tune that has only learnt to answer at all ends near the constant score.
pub(super) fn set_outlook(
    features: &mut FeatureVector,
    eval: Option<&EvalIndex>,
    view: Option<&PromptView<'_>>,
) {
    let outlook = eval.map(|index| sample::evaluation_outlook(view, &Prepared::new(index.sample())));
    let told = |value: fn(&EvaluationOutlook) -> f64| outlook.as_ref().map_or(f64::NAN, value);
    features.set("eval_constant_score", told(|outlook| outlook.constant_score));
    features.set("eval_naive_bayes_score", told(|outlook| outlook.naive_bayes_score));
    features.set("eval_known_answer_share", told(|outlook| outlook.known_answer_share));
    features.set("eval_top_label_share", told(|outlook| outlook.top_label_share));
    features.set("eval_label_entropy", told(|outlook| outlook.label_entropy));
}

pub(super) fn set_overlap(features: &mut FeatureVector, overlap: Option<&OverlapReport>) {
    let share = |hits: fn(&OverlapReport) -> f64| {
        overlap.map_or(f64::NAN, |report| hits(report) / report.eval_prompts)
    };
    features.set("eval_overlap_exact", share(|report| report.eval_rows_exact));
    features.set("eval_overlap_near", share(|report| report.eval_rows_near));
}
