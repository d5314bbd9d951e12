//! How much an instruction asks at once. A stand-in for parse depth that needs no parser: words that join or bind
//! clauses, conditions and limits (English), and the signs that separate parts (any language).

use std::collections::HashSet;

use super::super::scan::word_hashes;
use super::super::sketch::Spread;
use super::Prepared;

const BINDING_WORDS: &str = "and or but nor yet so because since although though while whereas unless until if then \
    else when whenever where wherever before after once as that which who whom whose what how why whether with \
    without using instead except including excluding must should shall may not never always only both either \
    neither each every at least most more less than exactly between under over within per also finally first \
    second third next given suppose assume following respectively";

/// Mean over prompts of log2(1 + binding words + separators); NaN without prompts.
pub fn instruction_complexity(prepared: &Prepared<'_>) -> f64 {
    let binding: HashSet<u64, Spread> = word_hashes(BINDING_WORDS).into_iter().collect();
    let binds: Vec<bool> = prepared.hashes.iter().map(|hash| binding.contains(hash)).collect();
    let (mut sum, mut prompts) = (0.0, 0u32);
    for row in prepared.rows.iter().filter(|row| !row.prompt.is_empty()) {
        let words = row.prompt.iter().filter(|word| binds[**word as usize]).count();
        let text = row.row.prompt.as_bytes();
        let separators =
            text.iter().filter(|byte| matches!(byte, b',' | b';' | b':' | b'(' | b'\n' | b'?')).count();
        let stops = text.windows(2).filter(|pair| pair[0] == b'.' && pair[1] == b' ').count();
        sum += libm::log2((1 + words + separators + stops) as f64);
        prompts += 1;
    }
    sum / f64::from(prompts)
}
