//! Builds the bundled reference model from `english_corpus.jsonl` (rows `{"text","source"}`), using only sources whose
//! licence allows it, and measures on held-out rows how well it tells clean English from damaged text.
//! `cargo run --release -p foretune-core --example build_reference -- CORPUS.jsonl LANGUAGES.jsonl OUT.bin`

use std::io::Write as _;

use foretune_core::describe::{ReferenceBuilder, ReferenceModel, ReferenceOptions};
use foretune_core::hash::{combine, hash_bytes};
use serde_json::Value;

/// Public domain with CC0 editing, and MIT. Others in the corpus are share-alike or state nothing.
const ALLOWED: [&str; 2] = ["standardebooks", "gsm8k train solutions"];
const OPTIONS: ReferenceOptions =
    ReferenceOptions { max_words: 15_000, max_pairs: 105_000, min_pair_count: 2 };
/// One row in this many is held out.
const HELD_OUT: u64 = 12;
const PASSAGE_WORDS: usize = 40;

fn rows(path: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn field<'a>(row: &'a Value, key: &str) -> &'a str {
    row[key].as_str().unwrap_or_default()
}

#[expect(clippy::print_stdout, reason = "a developer's tool prints its figures")]
fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [corpus, languages, out] = arguments.as_slice() else { panic!("CORPUS LANGUAGES OUT") };
    let mut builder = ReferenceBuilder::default();
    let mut held_out = Vec::new();
    for row in rows(corpus) {
        let (text, source) = (field(&row, "text"), field(&row, "source"));
        if !ALLOWED.iter().any(|allowed| source.starts_with(allowed)) {
            continue;
        }
        if hash_bytes(text.as_bytes(), 1).is_multiple_of(HELD_OUT) {
            held_out.push(text.to_owned());
        } else {
            builder.observe(text);
        }
    }
    let bytes = builder.build(&OPTIONS);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(&bytes).expect("writing to memory does not fail");
    let packed = packed.finish().expect("writing to memory does not fail").len();
    std::fs::write(out, &bytes).unwrap_or_else(|error| panic!("{out}: {error}"));
    println!("{} bytes, {packed} with gzip, fingerprint {:016x}", bytes.len(), hash_bytes(&bytes, 0));
    let model = ReferenceModel::from_bytes(&bytes).expect("what the builder wrote is readable");

    let passages: Vec<Vec<String>> = held_out
        .iter()
        .flat_map(|text| {
            let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
            words.chunks_exact(PASSAGE_WORDS).step_by(3).map(<[String]>::to_vec).collect::<Vec<_>>()
        })
        .collect();
    let bits = |words: &[String]| model.cost(&words.join(" ")).bits_per_word();
    let clean: Vec<f64> = passages.iter().map(|words| bits(words)).collect();
    let shuffled: Vec<f64> = passages.iter().map(|words| bits(&shuffled_words(words))).collect();
    let noisy: Vec<f64> = passages.iter().map(|words| bits(&noisy_words(words, 10))).collect();
    let slightly: Vec<f64> = passages.iter().map(|words| bits(&noisy_words(words, 30))).collect();
    report("shuffled words", &clean, &shuffled);
    report("one letter in ten changed", &clean, &noisy);
    report("one letter in thirty changed", &clean, &slightly);
    let sentences = rows(languages);
    let of = |english: bool| -> Vec<f64> {
        let chosen = sentences.iter().filter(|row| (field(row, "output") == "English") == english);
        chosen
            .map(|row| model.cost(field(row, "input")).bits_per_word())
            .filter(|bits| bits.is_finite())
            .collect()
    };
    report("15 other languages against modern English sentences", &of(true), &of(false));
    let modern = of(true);
    let shuffled: Vec<f64> = sentences
        .iter()
        .filter(|row| field(row, "output") == "English")
        .map(|row| {
            bits(&shuffled_words(
                &field(row, "input").split_whitespace().map(str::to_owned).collect::<Vec<_>>(),
            ))
        })
        .filter(|bits| bits.is_finite())
        .collect();
    report("modern English sentences, words shuffled", &modern, &shuffled);
}

fn shuffled_words(words: &[String]) -> Vec<String> {
    let mut keyed: Vec<(u64, &String)> = words
        .iter()
        .enumerate()
        .map(|(at, word)| (combine(hash_bytes(word.as_bytes(), 5), at as u64), word))
        .collect();
    keyed.sort();
    keyed.into_iter().map(|(_, word)| word.clone()).collect()
}

/// One letter in `every` becomes another, chosen by hash.
fn noisy_words(words: &[String], every: u64) -> Vec<String> {
    let change = |(at, letter): (usize, char), word: &str| {
        let hash = combine(hash_bytes(word.as_bytes(), 9), at as u64);
        if letter.is_ascii_alphabetic() && hash.is_multiple_of(every) {
            char::from(b'a' + (hash >> 32) as u8 % 26)
        } else {
            letter
        }
    };
    let noisy = |word: &String| word.chars().enumerate().map(|letter| change(letter, word)).collect();
    words.iter().map(noisy).collect()
}

/// Area under the ROC curve: chance that a damaged text costs more than a clean one.
#[expect(clippy::print_stdout, reason = "a developer's tool prints its figures")]
fn report(name: &str, clean: &[f64], damaged: &[f64]) {
    let mut all: Vec<(f64, bool)> =
        clean.iter().map(|bits| (*bits, false)).chain(damaged.iter().map(|bits| (*bits, true))).collect();
    all.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
    let (mut below, mut pairs) = (0u64, 0u64);
    for (_, is_damaged) in &all {
        if *is_damaged { pairs += below } else { below += 1 }
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    println!(
        "{name}: AUC {:.4}, clean {:.2} bits per word (n {}), damaged {:.2} (n {})",
        pairs as f64 / (clean.len() * damaged.len()) as f64,
        mean(clean),
        clean.len(),
        mean(damaged),
        damaged.len()
    );
}
