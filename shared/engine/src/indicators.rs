//! Pre-training indicators after Zeng et al. 2025 (arXiv 2504.12491): how well a base model reads plain text,
//! fills gaps in it, and answers after a few solved examples. They say which of two models will fine-tune
//! better before either is tuned.

use foretune_core::hash::combine;
use foretune_core::schema::{Example, Role};

use crate::batch::Row;
use crate::error::Result;
use crate::evaluate::evaluate;
use crate::lora::unit;
use crate::model::Model;
use crate::rows::tokenize;
use crate::template::Template;

/// Share of a text that is cut out, and the mean length of a gap in tokens: those of the paper.
const GAP_DENSITY: f64 = 0.15;
const GAP_TOKENS: usize = 3;

/// exp of the mean loss of a token.
pub fn causal_perplexity(model: &Model, texts: &[Row]) -> Result<f64> {
    Ok(libm::exp(evaluate(model, texts)?.loss()))
}

/// exp of the mean loss of the cut-out tokens, given the text with numbered gaps before them. A model that was
/// never trained on span corruption knows no marks for gaps, so they are spelled in plain text.
pub fn gap_perplexity<E>(
    model: &Model,
    encode: &mut dyn FnMut(&str) -> std::result::Result<Vec<u32>, E>,
    texts: &[Row],
) -> std::result::Result<f64, E>
where
    E: From<crate::EngineError>,
{
    let mut rows = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        if let Some(row) = with_gaps(&text.tokens, index as u64, encode)? {
            rows.push(row);
        }
    }
    Ok(libm::exp(evaluate(model, &rows)?.loss()))
}

/// The text with gaps, then each gap's mark and what stood there, which alone counts; `None` for a text too
/// short to have one.
pub fn with_gaps<E>(
    tokens: &[u32],
    seed: u64,
    encode: &mut dyn FnMut(&str) -> std::result::Result<Vec<u32>, E>,
) -> std::result::Result<Option<Row>, E> {
    let gaps = gaps(tokens.len(), seed);
    if gaps.is_empty() {
        return Ok(None);
    }
    let (mut head, mut tail, mut counted) = (Vec::new(), encode("\n")?, Vec::new());
    let mut start = 0;
    for (number, (from, to)) in gaps.into_iter().enumerate() {
        let mark = encode(&format!(" [{number}]"))?;
        head.extend(&tokens[start..from]);
        head.extend(&mark);
        tail.extend(&mark);
        counted.resize(tail.len(), false);
        tail.extend(&tokens[from..to]);
        counted.resize(tail.len(), true);
        start = to;
    }
    head.extend(&tokens[start..]);
    let trained = [vec![false; head.len()], counted].concat();
    Ok(Some(Row { tokens: [head, tail].concat(), trained }))
}

/// One gap in each of equal parts of the text, of one to five tokens, placed by hash.
fn gaps(length: usize, seed: u64) -> Vec<(usize, usize)> {
    let count = (length as f64 * GAP_DENSITY / GAP_TOKENS as f64).round() as usize;
    let place = |number: usize| {
        let (from, to) = (number * length / count, (number + 1) * length / count);
        let key = combine(combine(0x6a9, seed), number as u64);
        let longest = (2 * GAP_TOKENS - 1).min(to - from);
        let tokens = 1 + (unit(key) * longest as f64) as usize;
        let offset = (unit(combine(key, 1)) * (to - from - tokens + 1) as f64) as usize;
        (from + offset, from + offset + tokens)
    };
    (0..count).map(place).collect()
}

/// Rows that are answered after solved examples, all in one conversation; only the last answer counts. The
/// system turn is the row's own.
pub fn after_examples<E>(
    template: Template,
    encode: &mut dyn FnMut(&str) -> std::result::Result<Vec<u32>, E>,
    shots: &[Example<'static>],
    asked: &[Example<'static>],
) -> std::result::Result<Vec<Row>, E> {
    let is_system = |role: Role| role == Role::System;
    let rows = asked.iter().map(|example| {
        let mut turns: Vec<_> = example.turns.iter().filter(|turn| is_system(turn.role)).cloned().collect();
        for shot in shots.iter().filter(|shot| *shot != example) {
            turns.extend(shot.turns.iter().filter(|turn| !is_system(turn.role)).cloned().map(|mut turn| {
                turn.trained = false;
                turn
            }));
        }
        turns.extend(example.turns.iter().filter(|turn| !is_system(turn.role)).cloned());
        tokenize(template, encode, &Example { turns, ..Example::default() })
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::LoadOptions;
    use crate::testing::small_config;

    #[test]
    fn gaps_lie_apart_inside_the_text_and_have_the_stated_density() {
        let (mut tokens, mut cut) = (0, 0);
        for length in 7..400 {
            let gaps = gaps(length, length as u64);
            assert!(gaps.iter().all(|(from, to)| from < to && *to <= length));
            assert!(gaps.windows(2).all(|pair| pair[0].1 <= pair[1].0));
            tokens += length;
            cut += gaps.iter().map(|(from, to)| to - from).sum::<usize>();
        }
        assert!((cut as f64 / tokens as f64 - GAP_DENSITY).abs() < 0.01);
    }

    #[test]
    fn only_what_was_cut_out_counts() {
        let mut encode = |_: &str| Ok::<_, crate::EngineError>(vec![60]);
        let text: Vec<u32> = (0..40).collect();
        let row = with_gaps(&text, 3, &mut encode).unwrap().unwrap();
        let counted: Vec<u32> =
            (0..row.tokens.len()).filter(|i| row.trained[*i]).map(|i| row.tokens[i]).collect();
        let first = row.tokens.iter().position(|token| *token == 60).unwrap();
        assert_eq!(counted[0] as usize, first, "the first gap begins where its mark stands");
        let mut all: Vec<u32> = row.tokens.iter().copied().filter(|token| *token != 60).collect();
        all.sort_unstable();
        assert_eq!(all, text);
        let model = Model::random(&small_config(), 3, &LoadOptions::cpu()).unwrap();
        let texts = [Row::text(&text)];
        let uniform = small_config().vocab_size as f64;
        for perplexity in
            [causal_perplexity(&model, &texts).unwrap(), gap_perplexity(&model, &mut encode, &texts).unwrap()]
        {
            assert!(perplexity > uniform * 0.7 && perplexity < uniform * 1.5, "{perplexity}");
        }
    }
}
