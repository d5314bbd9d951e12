//! Which language each sampled row is written in: by script, and among Latin letters by votes of the commonest
//! words and of letters that few languages use. A row without a vote is unknown, not English.

use std::collections::{BTreeMap, HashMap};

use super::super::chars::{CharKind, Script, kind_beyond_ascii};
use super::super::scan::word_hashes;
use super::super::sketch::Spread;
use super::Prepared;
use crate::describe::Share;

const LATIN_LANGUAGES: &[(&str, &str)] = &[
    (
        "English",
        "the of and to in is that it was for you with on are this be have not they from which what an at by his her or would there their how can do if will your about",
    ),
    (
        "German",
        "der die das und ist nicht ein eine den von zu mit sich des auf für im dem auch als er es an werden aus hat dass sie nach wird bei einer um am sind noch wie einem über einen so zum war haben nur oder aber vor zur bis mehr durch ich wir",
    ),
    (
        "French",
        "le la les de des et est un une du en dans que qui pour pas sur au par il elle ne se ce avec plus son sa ses sont aux cette je vous nous ou mais été ont leur être fait ces c l d qu",
    ),
    (
        "Spanish",
        "el la los las de que y en un una es por con para del se no su al lo como más pero sus le ha este sí porque esta entre cuando muy sin sobre también me hasta hay donde quien desde todo nos fue son",
    ),
    (
        "Portuguese",
        "o a os as de que e em um uma é por com para do da dos das não se no na ao mais como mas foi ele seu sua ou ser quando muito há nos já está eu também pelo pela até isso ela entre depois são",
    ),
    (
        "Italian",
        "il lo la i gli le di che e in un una è per con del della dei non si da al alla nel nella sono come più anche ma ha suo sua questo questa dal dalla delle degli ed ai o essere stato perché",
    ),
    (
        "Dutch",
        "de het een en van ik te dat die in is niet op zijn met voor aan er maar om ook als bij dan nog naar heeft hij ze uit wordt door over werd deze haar kan meer tot worden zich geen we",
    ),
    (
        "Swedish",
        "och att det i en som på är av för med den till inte har ett om var men de så han från vi kan eller när jag sig hade efter där ska skulle vid hon mycket också blir över",
    ),
    (
        "Danish",
        "og at det i en som på er af for med den til ikke har et om var men de så han fra vi kan eller når jeg sig havde efter der skal skulle ved hun meget også bliver over",
    ),
    (
        "Finnish",
        "ja on ei että se oli hän mutta ovat kun myös kuin joka tai sen mukaan jo vain hänen ole ollut olisi sitä niin nyt jos voi tämä siitä vielä mitä kanssa sekä tämän jonka",
    ),
    (
        "Polish",
        "i w na z do że się nie to jest o jak po od za przez dla co są jego ale był tym tak ma być oraz już lub jej która który które tego czy tylko może też została jako",
    ),
    (
        "Czech",
        "a v na se je že s z do o i to za k jako ale by podle pro jsou byl po od který která které jeho aby však již není ve si bylo byla jsem ze při nebo tak jen mezi před",
    ),
    (
        "Romanian",
        "de și în a la cu pe care nu din un o să este pentru mai că au fost ca se al sau lui este prin sunt dar ale despre după fi cele iar am până când această ce",
    ),
    (
        "Hungarian",
        "a az és hogy nem is egy van ez de már csak meg volt még azt ki fel el mint ha majd pedig szerint vagy kell ezt után lehet között amely minden mely nagyon ami",
    ),
    (
        "Turkish",
        "ve bir bu da de için ile çok olarak daha olan gibi en kadar ne var ama sonra olduğu her ise değil ya ki mi o ben olduğunu bin yeni nin yılında",
    ),
    (
        "Indonesian",
        "yang dan di dari ini untuk dengan itu pada dalam tidak akan adalah ke juga karena oleh mereka ada bisa saya telah sudah kami seperti lebih atau tersebut para bahwa dia sebagai",
    ),
    (
        "Vietnamese",
        "và của là có không được cho một các những trong với người này đã để khi tôi cũng như về từ ra đến nhiều",
    ),
];

/// Letters, and the languages that they speak for.
const LETTER_VOTES: &[(&str, &[&str])] = &[
    ("łżśćźń", &["Polish"]),
    ("řěůč", &["Czech"]),
    ("őű", &["Hungarian"]),
    ("ğı", &["Turkish"]),
    ("ășțţ", &["Romanian"]),
    ("ß", &["German"]),
    ("ãõ", &["Portuguese"]),
    ("ñ¿", &["Spanish"]),
    ("øæ", &["Danish"]),
    ("å", &["Swedish", "Danish"]),
    ("äö", &["Swedish", "German", "Finnish"]),
    ("œ", &["French"]),
    ("ơưạếộđ", &["Vietnamese"]),
];

#[derive(Debug, Clone, PartialEq)]
pub struct Languages {
    /// Largest first.
    pub shares: Vec<Share>,
    /// NaN without rows.
    pub english_share: f64,
    /// Bits.
    pub entropy: f64,
}

pub fn languages(prepared: &Prepared<'_>) -> Languages {
    let votes = word_votes();
    let by_word: Vec<Option<&Vec<usize>>> = prepared.hashes.iter().map(|hash| votes.get(hash)).collect();
    let mut rows_of: BTreeMap<&str, u32> = BTreeMap::new();
    let mut rows = 0;
    for row in prepared.rows.iter().filter(|row| !row.prompt.is_empty() || !row.answer.is_empty()) {
        let texts = [row.row.prompt.as_str(), row.row.answer.as_str()];
        let name = by_script(texts).unwrap_or_else(|| {
            latin_language(
                row.prompt.iter().chain(&row.answer).filter_map(|word| by_word[*word as usize]),
                texts,
            )
        });
        *rows_of.entry(name).or_default() += 1;
        rows += 1;
    }
    let share = |count: u32| f64::from(count) / f64::from(rows);
    let mut shares: Vec<Share> = rows_of
        .iter()
        .map(|(name, count)| Share { name: (*name).to_owned(), share: share(*count) })
        .collect();
    shares.sort_by(|one, other| other.share.total_cmp(&one.share).then(one.name.cmp(&other.name)));
    Languages {
        english_share: if rows == 0 { f64::NAN } else { share(rows_of.get("English").copied().unwrap_or(0)) },
        entropy: if rows == 0 {
            f64::NAN
        } else {
            shares.iter().map(|language| -language.share * libm::log2(language.share)).sum()
        },
        shares,
    }
}

fn word_votes() -> HashMap<u64, Vec<usize>, Spread> {
    let mut votes: HashMap<u64, Vec<usize>, Spread> = HashMap::default();
    for (language, (_, list)) in LATIN_LANGUAGES.iter().enumerate() {
        for hash in word_hashes(list) {
            let speakers = votes.entry(hash).or_default();
            if speakers.last() != Some(&language) {
                speakers.push(language);
            }
        }
    }
    votes
}

/// The name where most letters are outside the Latin script.
fn by_script(texts: [&str; 2]) -> Option<&'static str> {
    let mut letters = [0u32; Script::ALL.len()];
    for character in texts.iter().flat_map(|text| text.chars()) {
        if character.is_ascii_alphabetic() {
            letters[Script::Latin as usize] += 1;
        } else if !character.is_ascii()
            && let CharKind::Letter(script) | CharKind::Single(script) = kind_beyond_ascii(character)
        {
            letters[script as usize] += 1;
        }
    }
    // Japanese mixes in Chinese characters.
    if letters[Script::Kana as usize] > 0 {
        letters[Script::Kana as usize] += std::mem::take(&mut letters[Script::Han as usize]);
    }
    let most = Script::ALL
        .iter()
        .copied()
        .max_by_key(|script| (letters[*script as usize], std::cmp::Reverse(*script)))?;
    match most {
        Script::Latin => None,
        Script::Han => Some("Chinese"),
        Script::Kana => Some("Japanese"),
        Script::Hangul => Some("Korean"),
        Script::Greek => Some("Greek"),
        Script::Hebrew => Some("Hebrew"),
        Script::Cyrillic => Some("Cyrillic script"),
        Script::Arabic => Some("Arabic script"),
        Script::Indic => Some("Indic script"),
        Script::Thai => Some("Southeast Asian script"),
        Script::Other => Some("other script"),
    }
}

/// Each common word gives one vote, shared among the languages that have it. Votes are counted in 5040ths, which
/// one to ten languages share evenly.
fn latin_language<'a>(words: impl Iterator<Item = &'a Vec<usize>>, texts: [&str; 2]) -> &'static str {
    const VOTE: u32 = 5040;
    let mut votes = [0u32; LATIN_LANGUAGES.len()];
    for speakers in words {
        for language in speakers {
            votes[*language] += VOTE / speakers.len() as u32;
        }
    }
    for character in texts.iter().flat_map(|text| text.chars()).filter(|character| !character.is_ascii()) {
        let lower = character.to_lowercase().next().unwrap_or(character);
        for (_, names) in LETTER_VOTES.iter().filter(|(letters, _)| letters.contains(lower)) {
            for (language, _) in
                LATIN_LANGUAGES.iter().enumerate().filter(|(_, (name, _))| names.contains(name))
            {
                votes[language] += VOTE / names.len() as u32;
            }
        }
    }
    let best = (0..votes.len()).rev().max_by_key(|language| votes[*language]);
    best.filter(|language| votes[*language] > 0).map_or("unknown", |language| LATIN_LANGUAGES[language].0)
}
