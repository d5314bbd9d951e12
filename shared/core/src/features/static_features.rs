//! Static features: measured on the data alone, before any model. Names of the TuneAhead paper where it has one,
//! with what the name says rather than what its code does.

use super::registry::{Better, Feature, Group};

const fn feature(name: &'static str, unit: &'static str, better: Better, measures: &'static str) -> Feature {
    Feature { name, group: Group::Static, unit, measures, better }
}

use Better::{Higher, Lower, Unknown};

#[rustfmt::skip]
pub static STATIC_FEATURES: &[Feature] = &[
    // Size
    feature("dataset_num_items", "rows", Higher, "Records in the file, readable or not"),
    feature("static_valid_count", "rows", Higher, "Records that became training examples"),
    feature("static_skipped_count", "rows", Lower, "Records that did not become training examples"),
    feature("static_coverage", "share", Higher, "Records that became training examples, of all"),
    feature("dataset_total_chars", "characters", Unknown, "Characters of all texts, without keys and roles"),
    feature("dataset_total_tokens", "tokens", Unknown, "Tokens of all texts, without the chat template"),
    // Lengths
    feature("avg_input_length", "tokens", Unknown, "Mean length of what the model is given"),
    feature("input_length_std", "tokens", Unknown, "Standard deviation of the input length"),
    feature("input_length_p95", "tokens", Unknown, "Input length that 95 % of the rows do not pass"),
    feature("input_length_max", "tokens", Unknown, "Longest input"),
    feature("avg_output_length", "tokens", Unknown, "Mean length of what the model is trained on"),
    feature("output_length_std", "tokens", Unknown, "Standard deviation of the output length"),
    feature("output_length_p95", "tokens", Unknown, "Output length that 95 % of the rows do not pass"),
    feature("output_length_max", "tokens", Unknown, "Longest output"),
    feature("total_length_p95", "tokens", Unknown, "Length of input and output that 95 % of the rows do not pass"),
    feature("total_length_max", "tokens", Unknown, "Longest row, input and output together"),
    feature("token_counts_exact", "0 or 1", Unknown, "Whether tokens were counted by the model's tokenizer rather than estimated"),
    feature("truncated_share", "share", Lower, "Rows longer than the token limit"),
    feature("io_length_ratio", "ratio", Unknown, "Tokens of all outputs over tokens of all inputs"),
    feature("avg_turns", "turns", Unknown, "Mean number of turns"),
    feature("system_share", "share", Unknown, "Rows with a system text"),
    // Characters
    feature("special_char_ratio", "share", Lower, "Characters that are punctuation, symbols, emoji or control characters, each counted once"),
    feature("punctuation_ratio", "share", Unknown, "Characters that are punctuation"),
    feature("symbol_ratio", "share", Unknown, "Characters that are symbols such as + = $ #"),
    feature("emoji_ratio", "share", Unknown, "Characters that are emoji"),
    feature("control_char_ratio", "share", Lower, "Characters that are invisible controls"),
    feature("digit_ratio", "share", Unknown, "Characters that are digits"),
    feature("newline_ratio", "share", Unknown, "Characters that are line breaks"),
    feature("uppercase_ratio", "share", Unknown, "Capitals among the letters a to z"),
    feature("repeated_char_ratio", "share", Lower, "Characters in runs of three or more equal ones, white space aside (sampled rows)"),
    feature("wide_space_ratio", "share", Unknown, "Characters in runs of two or more spaces (sampled rows)"),
    feature("shouted_word_ratio", "share", Lower, "Words written in capitals only (sampled rows)"),
    feature("non_latin_share", "share", Unknown, "Letters outside the Latin script"),
    feature("script_entropy", "bits", Unknown, "Entropy of the letters' scripts"),
    feature("english_share", "share", Unknown, "Sampled rows in English by their commonest words"),
    feature("language_entropy", "bits", Unknown, "Entropy of the sampled rows' languages"),
    // Words
    feature("input_ttr", "share", Unknown, "Different words in every 50 of the inputs (moving-average type-token ratio, sampled rows)"),
    feature("output_ttr", "share", Unknown, "Different words in every 50 of the outputs (moving-average type-token ratio, sampled rows)"),
    feature("output_ngram_repetition", "share", Lower, "Different word triples of an answer that occur in it more than once, mean over sampled rows"),
    feature("vocab_complexity", "share", Unknown, "Words longer than eight characters"),
    feature("vocabulary_size", "words", Unknown, "Different words, case aside; beyond 7,000 an estimate with a standard error of about 1.5 %"),
    feature("unigram_entropy", "bits", Unknown, "Entropy of the word frequencies (sampled rows)"),
    feature("unigram_kl_to_reference", "bits", Unknown, "Divergence of the word frequencies from plain English (Kullback-Leibler, sampled rows)"),
    feature("compressibility", "share", Unknown, "What an LZ77 coder leaves of the sampled texts; low means repetitive"),
    feature("instruction_complexity", "log2 parts", Unknown, "Mean log2(1 + binding words and separators) of the prompts (sampled rows)"),
    // Copies
    feature("exact_duplicate_share", "share", Lower, "Rows that repeat an earlier row exactly"),
    feature("near_duplicate_share", "share", Lower, "Different rows that nearly repeat another (80 % of word triples shared, text common to half of the rows aside)"),
    feature("approximate_duplicates", "share", Lower, "Rows that could go without losing a different text, exact and near copies together"),
    feature("repeated_prompt_share", "share", Unknown, "Rows whose prompt an earlier row has"),
    feature("conflicting_answer_share", "share", Lower, "Rows whose prompt stands elsewhere with another answer"),
    feature("eval_overlap_exact", "share", Lower, "Evaluation prompts that stand in the training file, case and punctuation aside"),
    feature("eval_overlap_near", "share", Lower, "Evaluation prompts that have only a near copy in the training file"),
    feature("eval_constant_score", "points", Higher, "Evaluation rows that the training file's commonest answer answers right (sampled rows)"),
    feature("eval_naive_bayes_score", "points", Higher, "Evaluation rows that naive Bayes, learnt on the training file, answers right (sampled rows)"),
    feature("eval_naive_bayes_over_constant", "points", Higher, "Naive Bayes' score minus the commonest answer's"),
    feature("eval_naive_bayes_over_file", "points", Unknown, "Naive Bayes' score on the evaluation rows minus its accuracy in the file"),
    feature("eval_known_answer_share", "share", Higher, "Evaluation rows whose answer stands in the training file (sampled rows)"),
    feature("eval_top_label_share", "share", Unknown, "Evaluation rows with the commonest of their answers (sampled rows)"),
    feature("eval_label_entropy", "bits", Unknown, "Entropy of the evaluation rows' answers taken as labels (sampled rows)"),
    // Question and answer
    feature("io_similarity", "cosine", Unknown, "Mean cosine of question and answer by rare words (sampled rows)"),
    feature("semantic_consistency", "cosine", Unknown, "Standard deviation of the cosine of question and answer (sampled rows)"),
    feature("answer_groundedness", "share", Unknown, "Words and word pairs of the answer that stand in the question, mean over sampled rows"),
    feature("semantic_diversity", "1 - cosine", Unknown, "One minus the mean cosine of two rows' hashed word embeddings (sampled rows)"),
    feature("embedding_outlier_ratio", "share", Lower, "Sampled rows whose hashed word embedding lies far from the centre (Tukey's fence)"),
    // Answers as labels
    feature("output_label_entropy", "bits", Unknown, "Entropy of the answers taken as labels"),
    feature("output_label_balance", "share", Unknown, "Entropy of the answers over that of equally frequent ones"),
    feature("top_label_share", "share", Unknown, "Rows with the commonest answer"),
    feature("rare_answer_share", "share", Unknown, "Rows whose answer has fewer than five rows"),
    feature("distinct_answers", "answers", Unknown, "Different answers"),
    feature("naive_bayes_accuracy", "share", Higher, "Answers that naive Bayes over words and letter triples of the input gets right in cross-validation (sampled rows)"),
    feature("naive_bayes_skill", "share", Higher, "Naive Bayes accuracy above always giving the commonest answer, 1 at best"),
    feature("neighbour_label_agreement", "share", Higher, "Five nearest neighbours by input that have the same answer, mean over sampled rows"),
    // Reference model
    feature("reference_perplexity", "perplexity", Lower, "Two to the mean bits per word under a small model of plain English (sampled rows)"),
    feature("reference_bits_per_word", "bits", Lower, "Mean over sampled rows of the bits per word under a small model of plain English"),
    feature("reference_bits_sd", "bits", Unknown, "Standard deviation over rows of the bits per word"),
    feature("reference_bits_p10", "bits", Unknown, "Bits per word that the most expected tenth of the rows does not pass"),
    feature("reference_bits_p50", "bits", Unknown, "Median over rows of the bits per word"),
    feature("reference_bits_p90", "bits", Lower, "Bits per word that 90 % of the rows do not pass"),
    // Order and damage
    feature("order_drift", "bits", Lower, "Divergence of the words of the first and second half of the file, beyond chance (sampled rows)"),
    feature("order_label_runs", "share", Lower, "Equal answers next to each other beyond chance: 0 shuffled, 1 sorted (sampled rows)"),
    feature("special_token_share", "share", Lower, "Rows with special tokens of a chat template inside their text"),
    feature("empty_answer_share", "share", Lower, "Rows with nothing to learn: every answer empty"),
    feature("all_masked_share", "share", Lower, "Rows without any text that is trained on"),
    feature("refused_share", "share", Lower, "Rows whose answer is a refusal"),
];
