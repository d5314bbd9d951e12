//! Rules on one text. One pass over the bytes finds every place where a rule could begin (a table says which bytes
//! those are), and only there the rules look closer; clean prose costs about a table look-up per byte.

mod mojibake;
mod personal;
mod placeholder;
mod refusal;
mod secret;
mod special;

pub use mojibake::repair as repair_mojibake;
pub use special::is_openai_special_token;

use super::{Code, Problem, excerpt};
use crate::schema::Role;
use personal::PersonalKind;
use special::TokenKind;

/// Hits of all rules that are looked at in one text; a text of nothing but e-mail addresses is one problem.
const MAX_HITS: usize = 256;
/// Distinct special tokens reported for one text.
const MAX_TOKENS_REPORTED: usize = 8;
const EXCERPT_CHARS: usize = 60;

/// What a rule found, and where in the text (bytes).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hit {
    pub from: usize,
    pub to: usize,
    kind: HitKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HitKind {
    Special,
    Markup,
    /// UTF-8 read as Windows-1252, or Windows-1252 read as Latin-1; what it stands for.
    Damaged(char),
    Undecodable,
    Control,
    Personal(PersonalKind),
    Secret {
        words: &'static str,
        hidden_from: usize,
    },
    Placeholder,
}

impl Hit {
    pub fn code(&self) -> Code {
        match self.kind {
            HitKind::Special => Code::SpecialToken,
            HitKind::Markup => Code::TemplateMarkup,
            HitKind::Damaged(_) | HitKind::Undecodable => Code::Mojibake,
            HitKind::Control => Code::ControlCharacters,
            HitKind::Personal(_) => Code::PersonalData,
            HitKind::Secret { .. } => Code::Secret,
            HitKind::Placeholder => Code::Placeholder,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Trigger {
    None = 0,
    /// `<` and `[`: special tokens, markup, placeholders.
    Bracket,
    /// `@`: addresses, passwords.
    At,
    Digit,
    /// `_` and the letters K, S and z: keys.
    Key,
    /// `-`: keys and PEM blocks.
    Dash,
    /// J: JSON web tokens.
    WebToken,
    /// L: the printers' dummy text.
    Lorem,
    Control,
    /// 0xC2: C1 controls.
    LeadC2,
    /// 0xC3: U+00C0 to U+00FF.
    LeadC3,
    /// 0xE2: direction overrides.
    LeadE2,
    /// 0xEF: the replacement character.
    LeadEf,
}

static TRIGGERS: [Trigger; 256] = trigger_table();

const fn trigger_table() -> [Trigger; 256] {
    let mut table = [Trigger::None; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = Trigger::Control;
        byte += 1;
    }
    table[b'\t' as usize] = Trigger::None;
    table[b'\n' as usize] = Trigger::None;
    table[b'\r' as usize] = Trigger::None;
    table[0x7f] = Trigger::Control;
    let mut digit = b'0';
    while digit <= b'9' {
        table[digit as usize] = Trigger::Digit;
        digit += 1;
    }
    table[b'<' as usize] = Trigger::Bracket;
    table[b'[' as usize] = Trigger::Bracket;
    table[b'@' as usize] = Trigger::At;
    table[b'_' as usize] = Trigger::Key;
    table[b'K' as usize] = Trigger::Key;
    table[b'S' as usize] = Trigger::Key;
    table[b'z' as usize] = Trigger::Key;
    table[b'-' as usize] = Trigger::Dash;
    table[b'J' as usize] = Trigger::WebToken;
    table[b'L' as usize] = Trigger::Lorem;
    table[0xc2] = Trigger::LeadC2;
    table[0xc3] = Trigger::LeadC3;
    table[0xe2] = Trigger::LeadE2;
    table[0xef] = Trigger::LeadEf;
    table
}

/// All problems of one text. `path` is asked for only where there is one.
pub fn check_text(
    role: Role,
    trained: bool,
    text: &str,
    path: impl Fn() -> String,
    problems: &mut Vec<Problem>,
) {
    let mut hits = Vec::new();
    scan(text, &mut hits);
    if !hits.is_empty() {
        report(text, &hits, &path, problems);
    }
    let is_answer = trained && matches!(role, Role::Assistant | Role::Plain);
    if is_answer {
        check_answer(role, text, &hits, &path, problems);
    }
}

/// Rules on answers only: refusals, whole placeholders, and answers of nothing but end marks.
fn check_answer(
    role: Role,
    text: &str,
    hits: &[Hit],
    path: &impl Fn() -> String,
    problems: &mut Vec<Problem>,
) {
    if role == Role::Assistant
        && let Some((from, to)) = refusal::refusal_in(text)
    {
        problems.push(Problem::new(
            Code::Refusal,
            path(),
            format!("“{}”", excerpt(&text[from..to], EXCERPT_CHARS)),
            "an answer",
        ));
    }
    if placeholder::is_whole_answer(text) {
        problems.push(Problem::new(
            Code::Placeholder,
            path(),
            format!("“{}” as the whole answer", excerpt(text.trim(), EXCERPT_CHARS)),
            "text",
        ));
    }
    let only_tokens = !text.is_empty()
        && hits.iter().any(|hit| hit.kind == HitKind::Special)
        && without(text, hits, |hit| hit.kind == HitKind::Special).trim().is_empty();
    if only_tokens {
        problems.push(Problem::new(
            Code::EmptyAnswer,
            path(),
            format!("“{}” and no other text", excerpt(text.trim(), EXCERPT_CHARS)),
            "text",
        ));
    }
}

/// The text without the hits that `leave_out` names.
fn without(text: &str, hits: &[Hit], leave_out: impl Fn(&Hit) -> bool) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut at = 0;
    for hit in hits.iter().filter(|hit| leave_out(hit)) {
        kept.push_str(&text[at..hit.from]);
        at = hit.to;
    }
    kept.push_str(&text[at..]);
    kept
}

/// Every place where a rule matches, in order and without overlaps; at most `MAX_HITS`.
fn scan(text: &str, hits: &mut Vec<Hit>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(offset) = next_trigger(&bytes[at..]) {
        at += offset;
        let trigger = TRIGGERS[usize::from(bytes[at])];
        if let Some(hit) = look(text, at, trigger) {
            // A rule that looks backwards may reach into an earlier hit; the earlier one stays.
            let overlaps = hits.last().is_some_and(|last| hit.from < last.to);
            at = hit.to.max(at + 1);
            if !overlaps {
                hits.push(hit);
                if hits.len() == MAX_HITS {
                    return;
                }
            }
        } else if trigger == Trigger::Digit {
            at += bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        } else {
            at += 1;
        }
    }
}

/// Eight look-ups at a time: most stretches of prose have no trigger at all.
#[inline]
fn next_trigger(bytes: &[u8]) -> Option<usize> {
    let is_trigger = |byte: &u8| TRIGGERS[usize::from(*byte)] != Trigger::None;
    let (eights, rest) = bytes.as_chunks::<8>();
    for (index, eight) in eights.iter().enumerate() {
        let any = eight.iter().fold(0, |any, byte| any | TRIGGERS[usize::from(*byte)] as u8);
        if any != 0 {
            return eight.iter().position(is_trigger).map(|offset| index * 8 + offset);
        }
    }
    rest.iter().position(is_trigger).map(|offset| eights.len() * 8 + offset)
}

fn look(text: &str, at: usize, trigger: Trigger) -> Option<Hit> {
    let bytes = text.as_bytes();
    let next = |offset: usize| bytes.get(at + offset).copied();
    match trigger {
        Trigger::None => None,
        Trigger::Bracket => bracket(text, at),
        Trigger::At => secret::password_before(bytes, at).map(secret_hit).or_else(|| {
            let (from, to) = personal::email_at(bytes, at)?;
            Some(Hit { from, to, kind: HitKind::Personal(PersonalKind::Email) })
        }),
        Trigger::Digit => {
            let (kind, from, to) = personal::number_at(bytes, at)?;
            Some(Hit { from, to, kind: HitKind::Personal(kind) })
        }
        Trigger::Key => secret::key_at(bytes, at).map(secret_hit),
        Trigger::Dash => {
            secret::key_at(bytes, at).or_else(|| secret::private_key_at(bytes, at)).map(secret_hit)
        }
        Trigger::WebToken => secret::web_token_at(bytes, at).map(secret_hit),
        Trigger::Lorem => {
            let to = placeholder::lorem_at(bytes, at)?;
            Some(Hit { from: at, to, kind: HitKind::Placeholder })
        }
        Trigger::Control => Some(Hit { from: at, to: at + 1, kind: HitKind::Control }),
        Trigger::LeadC2 => {
            let control = char::from(next(1).filter(|byte| *byte < 0xa0)?);
            let kind = mojibake::c1_meaning(control).map_or(HitKind::Control, HitKind::Damaged);
            Some(Hit { from: at, to: at + 2, kind })
        }
        Trigger::LeadC3 => {
            let (meaning, to) = mojibake::damaged_at(text, at)?;
            Some(Hit { from: at, to, kind: HitKind::Damaged(meaning) })
        }
        // U+202D and U+202E: left-to-right and right-to-left override.
        Trigger::LeadE2 => (next(1) == Some(0x80) && matches!(next(2), Some(0xad | 0xae))).then_some(Hit {
            from: at,
            to: at + 3,
            kind: HitKind::Control,
        }),
        Trigger::LeadEf => (next(1) == Some(0xbf) && next(2) == Some(0xbd)).then_some(Hit {
            from: at,
            to: at + 3,
            kind: HitKind::Undecodable,
        }),
    }
}

fn bracket(text: &str, at: usize) -> Option<Hit> {
    if let Some((kind, to)) = special::token_at(text, at) {
        let kind = match kind {
            TokenKind::Special => HitKind::Special,
            TokenKind::Markup => HitKind::Markup,
        };
        return Some(Hit { from: at, to, kind });
    }
    let to = placeholder::bracketed_at(text.as_bytes(), at)?;
    Some(Hit { from: at, to, kind: HitKind::Placeholder })
}

fn secret_hit(secret: secret::Secret) -> Hit {
    let kind = HitKind::Secret { words: secret.words, hidden_from: secret.hidden_from };
    Hit { from: secret.from, to: secret.to, kind }
}

/// One problem for each distinct special token and for each kind of anything else, with the number of further hits.
fn report(text: &str, hits: &[Hit], path: &impl Fn() -> String, problems: &mut Vec<Problem>) {
    let mut tokens: Vec<&str> = Vec::new();
    for (index, hit) in hits.iter().enumerate() {
        if hit.kind == HitKind::Special {
            let token = &text[hit.from..hit.to];
            if !tokens.contains(&token) && tokens.len() < MAX_TOKENS_REPORTED {
                tokens.push(token);
                let expected = format!("text without control tokens ({})", special::vocabularies(token));
                problems.push(Problem::new(Code::SpecialToken, path(), token, expected));
            }
        } else if !hits[..index].iter().any(|earlier| same_rule(earlier, hit)) {
            let more = hits[index + 1..].iter().filter(|later| same_rule(hit, later)).count();
            let (found, expected) = describe(text, hit);
            let found = if more == 0 { found } else { format!("{found}, and {more} more") };
            problems.push(Problem::new(hit.code(), path(), found, expected));
        }
    }
}

fn same_rule(a: &Hit, b: &Hit) -> bool {
    match (a.kind, b.kind) {
        (HitKind::Damaged(_) | HitKind::Undecodable, HitKind::Damaged(_) | HitKind::Undecodable) => true,
        (HitKind::Personal(a), HitKind::Personal(b)) => a == b,
        (HitKind::Secret { words: a, .. }, HitKind::Secret { words: b, .. }) => a == b,
        _ => std::mem::discriminant(&a.kind) == std::mem::discriminant(&b.kind),
    }
}

fn describe(text: &str, hit: &Hit) -> (String, String) {
    let value = &text[hit.from..hit.to];
    let character = || text[..hit.from].chars().count() + 1;
    match hit.kind {
        HitKind::Special | HitKind::Markup => (value.to_owned(), "plain text".to_owned()),
        HitKind::Damaged(meaning) => (
            format!("“{}” at character {}", excerpt(value, EXCERPT_CHARS), character()),
            format!("“{meaning}”"),
        ),
        HitKind::Undecodable => (
            format!("the replacement character U+FFFD at character {}", character()),
            "the character that was lost".to_owned(),
        ),
        HitKind::Control => {
            let control = value.chars().next().map_or(0, u32::from);
            (format!("U+{control:04X} at character {}", character()), "printable text".to_owned())
        }
        HitKind::Personal(kind) => (
            format!("{} {} at character {}", kind.words(), personal::masked(kind, value), character()),
            "no personal data".to_owned(),
        ),
        HitKind::Secret { words, hidden_from } => {
            let shown = excerpt(&text[hit.from..hidden_from], EXCERPT_CHARS);
            (format!("{words} {shown}•••• at character {}", character()), "no keys or passwords".to_owned())
        }
        HitKind::Placeholder => {
            (format!("“{}” at character {}", excerpt(value, EXCERPT_CHARS), character()), "text".to_owned())
        }
    }
}

/// What the cleaned copy may take out of a text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TextFixes {
    pub special_tokens: bool,
    pub mojibake: bool,
    pub control_characters: bool,
    pub personal_data: bool,
    pub secrets: bool,
}

/// How often a text is fixed again because a fix uncovered something (a control character inside an address).
const MAX_FIX_PASSES: usize = 8;

/// The text with the chosen fixes, and how often each code was fixed; `None` where nothing changes.
pub fn fix_text(text: &str, fixes: TextFixes) -> Option<(String, Vec<(Code, u64)>)> {
    let mut counts: Vec<(Code, u64)> = Vec::new();
    let mut fixed = fix_once(text, fixes, &mut counts)?;
    for _ in 1..MAX_FIX_PASSES {
        match fix_once(&fixed, fixes, &mut counts) {
            Some(again) => fixed = again,
            None => break,
        }
    }
    counts.sort_unstable();
    Some((fixed, counts))
}

/// Repeats the scan until the bounded list of hits was not full, so a text of any length is fixed to its end.
fn fix_once(text: &str, fixes: TextFixes, counts: &mut Vec<(Code, u64)>) -> Option<String> {
    let mut fixed = String::new();
    let mut changed = false;
    let mut done = 0;
    let mut hits = Vec::new();
    loop {
        hits.clear();
        let rest = &text[done..];
        scan(rest, &mut hits);
        let mut at = 0;
        for hit in &hits {
            if let Some(replacement) = replacement(rest, hit, fixes) {
                changed = true;
                fixed.push_str(&rest[at..hit.from]);
                fixed.push_str(&replacement);
                at = hit.to;
                match counts.iter_mut().find(|(code, _)| *code == hit.code()) {
                    Some((_, count)) => *count += 1,
                    None => counts.push((hit.code(), 1)),
                }
            }
        }
        if hits.len() < MAX_HITS {
            fixed.push_str(&rest[at..]);
            break;
        }
        let end = hits.last().expect("the list is full").to;
        fixed.push_str(&rest[at..end]);
        done += end;
    }
    changed.then_some(fixed)
}

fn replacement(text: &str, hit: &Hit, fixes: TextFixes) -> Option<String> {
    match hit.kind {
        HitKind::Special if fixes.special_tokens => Some(String::new()),
        HitKind::Damaged(meaning) if fixes.mojibake => Some(meaning.to_string()),
        HitKind::Control if fixes.control_characters => Some(String::new()),
        HitKind::Personal(kind) if fixes.personal_data => Some(format!("[{}]", kind.words())),
        HitKind::Secret { words, hidden_from } if fixes.secrets => {
            // What stands before the hidden part is kept only in addresses, where it is a user's name.
            let kept = if words.starts_with("password") { &text[hit.from..hidden_from] } else { "" };
            Some(format!("{kept}[{words}]"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(role: Role, trained: bool, text: &str) -> Vec<Problem> {
        let mut problems = Vec::new();
        check_text(role, trained, text, || "output".to_owned(), &mut problems);
        problems
    }

    fn codes(text: &str) -> Vec<Code> {
        check(Role::Assistant, true, text).into_iter().map(|problem| problem.code).collect()
    }

    #[test]
    fn each_rule_reports_its_code() {
        assert_eq!(codes("Blue<|endoftext|>"), [Code::SpecialToken]);
        assert_eq!(codes("<|endoftext|>"), [Code::SpecialToken, Code::EmptyAnswer]);
        assert_eq!(codes("[INST] Hi [/INST]"), [Code::TemplateMarkup]);
        assert_eq!(codes("CafÃ©"), [Code::Mojibake]);
        assert_eq!(codes("lost \u{fffd}"), [Code::Mojibake]);
        assert_eq!(codes("bell \u{7}"), [Code::ControlCharacters]);
        assert_eq!(codes("abc\u{202e}def"), [Code::ControlCharacters]);
        assert_eq!(codes("I'm sorry, but I can't assist with that."), [Code::Refusal]);
        assert_eq!(codes("TODO"), [Code::Placeholder]);
        assert_eq!(codes("Dear [insert name], Lorem ipsum dolor sit"), [Code::Placeholder]);
        assert_eq!(codes("mail jane@company.com"), [Code::PersonalData]);
        assert_eq!(codes("plain text, 3 > 2, [1], a_b, x-y, SKz <b>é</b>"), []);
        assert_eq!(codes(""), []);
    }

    #[test]
    fn prompts_may_refuse_and_be_short() {
        assert!(check(Role::User, false, "I'm sorry, but I can't assist with that.").is_empty());
        assert!(check(Role::User, false, "TODO").is_empty());
        assert!(check(Role::Assistant, false, "TODO").is_empty());
    }

    #[test]
    fn values_are_masked_and_counted() {
        let problems = check(Role::User, false, "a@b.com, c@d.org and e@f.net; \u{1}\u{2}");
        assert_eq!(problems[0].found, "e-mail address a•••@b.com at character 1, and 2 more");
        assert_eq!(problems[1].found, "U+0001 at character 31, and 1 more");
        let key = format!("ghp_{}", "aB3dE6gH9jK2".repeat(3));
        let problem = &check(Role::User, false, &format!("é {key}"))[0];
        assert_eq!(problem.found, "GitHub token ghp_•••• at character 3");
    }

    #[test]
    fn each_special_token_is_named_once() {
        let problems = check(Role::User, false, "<|im_start|>a<|im_end|><|im_start|>");
        let found: Vec<_> = problems.iter().map(|problem| problem.found.as_str()).collect();
        assert_eq!(found, ["<|im_start|>", "<|im_end|>"]);
        assert!(problems[0].expected.contains("Qwen2.5, OpenAI"));
    }

    #[test]
    fn a_text_of_nothing_but_hits_stays_bounded() {
        let problems = check(Role::User, false, &"a@b.com ".repeat(100_000));
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].found, "e-mail address a•••@b.com at character 1, and 255 more");
    }

    #[test]
    fn fixes_change_what_they_name_and_nothing_else() {
        let text = "CafÃ© \u{7}<|im_end|> a@b.com";
        let only = |fixes| fix_text(text, fixes);
        assert_eq!(only(TextFixes::default()), None);
        let (fixed, counts) = only(TextFixes { mojibake: true, ..TextFixes::default() }).unwrap();
        assert_eq!(
            (fixed.as_str(), counts.as_slice()),
            ("Café \u{7}<|im_end|> a@b.com", &[(Code::Mojibake, 1)][..])
        );
        let all = TextFixes {
            special_tokens: true,
            mojibake: true,
            control_characters: true,
            personal_data: true,
            secrets: true,
        };
        assert_eq!(only(all).unwrap().0, "Café  [e-mail address]");
        assert_eq!(only(all).unwrap().1.len(), 4);
        assert_eq!(fix_text("a@\u{1}b.com", all).unwrap().0, "[e-mail address]");
        let (many, counts) = fix_text(&"\u{7}x".repeat(1000), all).unwrap();
        assert_eq!((many, counts), ("x".repeat(1000), vec![(Code::ControlCharacters, 1000)]));
    }

    proptest! {
        #[test]
        fn any_text_is_scanned_without_panic_and_hits_do_not_overlap(text in "\\PC{0,40}|[<>|\\[\\]@a-z_\\-0-9ÃÂâ€™Ð¿\u{1}\u{fffd}+() .]{0,60}") {
            let mut hits = Vec::new();
            scan(&text, &mut hits);
            for pair in hits.windows(2) {
                prop_assert!(pair[0].to <= pair[1].from);
            }
            for hit in &hits {
                prop_assert!(text.get(hit.from..hit.to).is_some_and(|value| !value.is_empty()));
            }
            check(Role::Assistant, true, &text);
        }

        #[test]
        fn fixing_twice_changes_nothing_more(text in "[<>|a-z_ÃÂâ€™©\u{1}@.0-9 ]{0,40}") {
            let fixes = TextFixes { special_tokens: false, mojibake: false, control_characters: true, personal_data: true, secrets: true };
            if let Some((fixed, _)) = fix_text(&text, fixes) {
                prop_assert_eq!(fix_text(&fixed, fixes), None);
            }
        }
    }
}
