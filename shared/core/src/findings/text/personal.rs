//! Personal data with a form of its own: e-mail, telephone, payment card, bank account, social security. Forms are
//! chosen so that ordinary numbers seldom match: a missed number costs less than a report full of false ones.

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum PersonalKind {
    Email,
    Phone,
    Card,
    BankAccount,
    SocialSecurity,
}

impl PersonalKind {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Email => "e-mail address",
            Self::Phone => "telephone number",
            Self::Card => "payment card number",
            Self::BankAccount => "bank account number (IBAN)",
            Self::SocialSecurity => "social security number",
        }
    }
}

const MAX_EMAIL_LOCAL: usize = 64;
const MAX_EMAIL_DOMAIN: usize = 253;
/// `logo@2x.png` and `module@file.py` are no addresses.
const NOT_DOMAINS: &[&str] =
    &["png", "jpg", "jpeg", "gif", "svg", "webp", "js", "ts", "css", "py", "json", "html"];

/// Set aside for documentation (RFC 2606 and 6761): nobody has an address there.
const NOBODYS_DOMAINS: &[&str] = &["example.com", "example.org", "example.net"];
const NOBODYS_TOPS: &[&str] = &["example", "test", "invalid", "localhost"];

fn is_nobodys(domain: &str) -> bool {
    let domain = domain.to_ascii_lowercase();
    let top = domain.rsplit('.').next().unwrap_or_default();
    NOBODYS_TOPS.contains(&top)
        || NOBODYS_DOMAINS
            .iter()
            .any(|name| domain.strip_suffix(name).is_some_and(|host| host.is_empty() || host.ends_with('.')))
}

/// The address around the `@` at `at`.
pub(super) fn email_at(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let is_local = |byte: &u8| byte.is_ascii_alphanumeric() || b"._%+-".contains(byte);
    let local = bytes[..at].iter().rev().take(MAX_EMAIL_LOCAL + 1).take_while(|byte| is_local(byte)).count();
    if local == 0 || local > MAX_EMAIL_LOCAL || bytes[at - local] == b'.' || bytes[at - 1] == b'.' {
        return None;
    }
    let is_domain = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'.' || *byte == b'-';
    let mut domain = bytes[at + 1..].iter().take(MAX_EMAIL_DOMAIN).take_while(|byte| is_domain(byte)).count();
    // A full stop or dash at the end belongs to the sentence.
    while domain > 0 && !bytes[at + domain].is_ascii_alphanumeric() {
        domain -= 1;
    }
    let name = std::str::from_utf8(&bytes[at + 1..at + 1 + domain]).ok()?;
    let (host, top) = name.rsplit_once('.')?;
    let top_is_word = (2..=24).contains(&top.len()) && top.bytes().all(|byte| byte.is_ascii_alphabetic());
    if host.is_empty() || !top_is_word || NOT_DOMAINS.contains(&top.to_ascii_lowercase().as_str()) {
        return None;
    }
    if host.split('.').any(|label| label.is_empty() || label.starts_with('-')) || is_nobodys(name) {
        return None;
    }
    // “at the kiosk.Valid until” is a full stop without its space, not a domain.
    let begins_sentence = top.as_bytes()[0].is_ascii_uppercase() && top.as_bytes()[1].is_ascii_lowercase();
    if begins_sentence && !host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    // git@github.com:owner/repository is an address of a program.
    if bytes.get(at + 1 + domain) == Some(&b':') && &bytes[at - local..at] == b"git" {
        return None;
    }
    Some((at - local, at + 1 + domain))
}

/// What the digits that start at `start` (no digit before them) belong to, and its range.
pub(super) fn number_at(bytes: &[u8], start: usize) -> Option<(PersonalKind, usize, usize)> {
    let before = |back: usize| start.checked_sub(back).map(|index| bytes[index]);
    match before(1) {
        Some(b'A'..=b'Z') => {
            return iban_at(bytes, start).map(|(from, to)| (PersonalKind::BankAccount, from, to));
        }
        Some(b'+') => {
            let glued = before(2).is_some_and(|byte| byte.is_ascii_alphanumeric() || b")_=.".contains(&byte));
            if glued {
                return None;
            }
            return international_phone(bytes, start).map(|to| (PersonalKind::Phone, start - 1, to));
        }
        Some(b'(') => return bracketed_phone(bytes, start).map(|to| (PersonalKind::Phone, start - 1, to)),
        // Part of a word, a decimal, an amount, a path or a longer dashed number.
        Some(byte) if byte.is_ascii_alphanumeric() || b"_.,-/$#=%:*".contains(&byte) || byte >= 0x80 => {
            return None;
        }
        _ => {}
    }
    // Every form below starts with three digits or more, or with 1-.
    let run = digits_from(bytes, start);
    if run < 3 && !(run == 1 && bytes[start] == b'1' && bytes.get(start + 1) == Some(&b'-')) {
        return None;
    }
    if let Some(to) = card(bytes, start) {
        return Some((PersonalKind::Card, start, to));
    }
    if let Some(to) = social_security(bytes, start) {
        return Some((PersonalKind::SocialSecurity, start, to));
    }
    dashed_phone(bytes, start).map(|to| (PersonalKind::Phone, start, to))
}

fn digits_from(bytes: &[u8], start: usize) -> usize {
    bytes.get(start..).map_or(0, |rest| rest.iter().take_while(|byte| byte.is_ascii_digit()).count())
}

/// Nothing that would make the number part of something longer.
fn ends_clean(bytes: &[u8], end: usize) -> bool {
    match bytes.get(end) {
        None => true,
        Some(byte) if byte.is_ascii_alphanumeric() || b"_-/%@".contains(byte) => false,
        Some(b'.' | b',') => bytes.get(end + 1).is_none_or(|byte| !byte.is_ascii_digit()),
        Some(_) => true,
    }
}

/// Groups of digits as a card prints them, joined by one kind of separator: returns the digits and the end.
fn grouped(bytes: &[u8], start: usize, groups: &[usize], separator: Option<u8>) -> Option<(Vec<u8>, usize)> {
    let mut digits = Vec::with_capacity(19);
    let mut at = start;
    for (index, group) in groups.iter().enumerate() {
        if index > 0 {
            if bytes.get(at).copied() != separator {
                return None;
            }
            at += 1;
        }
        if digits_from(bytes, at) != *group {
            return None;
        }
        digits.extend_from_slice(&bytes[at..at + group]);
        at += group;
    }
    Some((digits, at))
}

fn card(bytes: &[u8], start: usize) -> Option<usize> {
    if !matches!(bytes[start], b'2'..=b'6') {
        return None;
    }
    let (digits, end) = match digits_from(bytes, start) {
        run @ 14..=19 => (bytes[start..start + run].to_vec(), start + run),
        4 => {
            let separator = bytes.get(start + 4).copied().filter(|byte| matches!(byte, b' ' | b'-'));
            separator?;
            [&[4, 4, 4, 4][..], &[4, 6, 5], &[4, 6, 4]]
                .into_iter()
                .find_map(|groups| grouped(bytes, start, groups, separator))?
        }
        _ => return None,
    };
    let varied = digits.iter().any(|digit| *digit != digits[0]);
    (varied && ends_clean(bytes, end) && is_card_prefix(&digits) && luhn(&digits)).then_some(end)
}

/// Issuer prefixes with their lengths: Visa, Mastercard, American Express, Discover, JCB, Diners.
fn is_card_prefix(digits: &[u8]) -> bool {
    let prefix = |length: usize| {
        digits[..length].iter().fold(0u32, |number, digit| number * 10 + u32::from(digit - b'0'))
    };
    match digits.len() {
        14 => matches!(prefix(2), 36 | 38) || matches!(prefix(3), 300..=305),
        15 => matches!(prefix(2), 34 | 37),
        16 => {
            prefix(1) == 4
                || matches!(prefix(2), 51..=55 | 65)
                || matches!(prefix(4), 2221..=2720 | 6011 | 3528..=3589)
                || matches!(prefix(3), 644..=649)
        }
        19 => prefix(1) == 4,
        _ => false,
    }
}

/// ISO/IEC 7812-1, annex B.
fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(index, digit)| {
            let value = u32::from(digit - b'0') << (index % 2);
            if value > 9 { value - 9 } else { value }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// ddd-dd-dddd with numbers that are issued: no 000, 666 or 9xx area, no 00 group, no 0000 serial.
fn social_security(bytes: &[u8], start: usize) -> Option<usize> {
    let (digits, end) = grouped(bytes, start, &[3, 2, 4], Some(b'-'))?;
    let issued = &digits[..3] != b"000"
        && &digits[..3] != b"666"
        && digits[0] != b'9'
        && &digits[3..5] != b"00"
        && &digits[5..] != b"0000";
    (issued && ends_clean(bytes, end)).then_some(end)
}

/// 555-0100 to 555-0199 are kept for stories and examples.
fn is_invented(exchange_and_line: &[u8]) -> bool {
    exchange_and_line.starts_with(b"55501")
}

/// North American numbers: neither area nor exchange starts with 0 or 1.
fn dashed_phone(bytes: &[u8], start: usize) -> Option<usize> {
    let start = if bytes[start] == b'1' && bytes.get(start + 1) == Some(&b'-') { start + 2 } else { start };
    let separator = bytes.get(start + 3).copied().filter(|byte| matches!(byte, b'-' | b'.'))?;
    let (digits, end) = grouped(bytes, start, &[3, 3, 4], Some(separator))?;
    let issued = digits[0] >= b'2' && digits[3] >= b'2' && !is_invented(&digits[3..]);
    (issued && ends_clean(bytes, end)).then_some(end)
}

/// (ddd) ddd-dddd; `start` is the first digit.
fn bracketed_phone(bytes: &[u8], start: usize) -> Option<usize> {
    if digits_from(bytes, start) != 3 || bytes.get(start + 3) != Some(&b')') || bytes[start] < b'2' {
        return None;
    }
    let second = start + 4 + usize::from(bytes.get(start + 4) == Some(&b' '));
    let separator = bytes.get(second + 3).copied().filter(|byte| matches!(byte, b'-' | b'.' | b' '));
    let (digits, end) = grouped(bytes, second, &[3, 4], separator)?;
    let issued = digits[0] >= b'2' && !is_invented(&digits);
    (separator.is_some() && issued && ends_clean(bytes, end)).then_some(end)
}

/// +, then 10 to 15 digits in groups joined by single separators; `start` is the first digit.
fn international_phone(bytes: &[u8], start: usize) -> Option<usize> {
    const MIN_DIGITS: usize = 10;
    const MAX_DIGITS: usize = 15;
    if bytes[start] == b'0' {
        return None;
    }
    let (mut at, mut end, mut count) = (start, start, 0);
    loop {
        let run = digits_from(bytes, at);
        if run == 0 {
            break;
        }
        count += run;
        at += run;
        end = at;
        let skip = bytes
            .get(at..)
            .map_or(0, |rest| rest.iter().take(2).take_while(|byte| b" -.()".contains(byte)).count());
        if skip == 0 || count > MAX_DIGITS {
            break;
        }
        at += skip;
    }
    ((MIN_DIGITS..=MAX_DIGITS).contains(&count) && ends_clean(bytes, end)).then_some(end)
}

/// Lengths by country, from the IBAN registry (the countries that people have accounts in).
const IBAN_LENGTHS: &[(&[u8; 2], usize)] = &[
    (b"AD", 24),
    (b"AE", 23),
    (b"AL", 28),
    (b"AT", 20),
    (b"AZ", 28),
    (b"BA", 20),
    (b"BE", 16),
    (b"BG", 22),
    (b"BH", 22),
    (b"BR", 29),
    (b"CH", 21),
    (b"CR", 22),
    (b"CY", 28),
    (b"CZ", 24),
    (b"DE", 22),
    (b"DK", 18),
    (b"DO", 28),
    (b"EE", 20),
    (b"EG", 29),
    (b"ES", 24),
    (b"FI", 18),
    (b"FO", 18),
    (b"FR", 27),
    (b"GB", 22),
    (b"GE", 22),
    (b"GI", 23),
    (b"GL", 18),
    (b"GR", 27),
    (b"GT", 28),
    (b"HR", 21),
    (b"HU", 28),
    (b"IE", 22),
    (b"IL", 23),
    (b"IQ", 23),
    (b"IS", 26),
    (b"IT", 27),
    (b"JO", 30),
    (b"KW", 30),
    (b"KZ", 20),
    (b"LB", 28),
    (b"LI", 21),
    (b"LT", 20),
    (b"LU", 20),
    (b"LV", 21),
    (b"MC", 27),
    (b"MD", 24),
    (b"ME", 22),
    (b"MK", 19),
    (b"MR", 27),
    (b"MT", 31),
    (b"MU", 30),
    (b"NL", 18),
    (b"NO", 15),
    (b"PK", 24),
    (b"PL", 28),
    (b"PS", 29),
    (b"PT", 25),
    (b"QA", 29),
    (b"RO", 24),
    (b"RS", 22),
    (b"SA", 24),
    (b"SE", 24),
    (b"SI", 19),
    (b"SK", 24),
    (b"SM", 27),
    (b"TN", 24),
    (b"TR", 26),
    (b"UA", 29),
    (b"XK", 20),
];

/// Two capitals, two check digits, then the account, in one piece or in groups of four; ISO 13616 checksum.
fn iban_at(bytes: &[u8], start: usize) -> Option<(usize, usize)> {
    let from = start.checked_sub(2)?;
    let country: &[u8; 2] = bytes[from..start].try_into().ok()?;
    if digits_from(bytes, start) < 2 || !country[0].is_ascii_uppercase() {
        return None;
    }
    if from > 0 && (bytes[from - 1].is_ascii_alphanumeric() || bytes[from - 1] == b'_') {
        return None;
    }
    let (_, length) = IBAN_LENGTHS.iter().find(|(code, _)| *code == country)?;
    let mut compact = Vec::with_capacity(*length);
    let mut at = from;
    while compact.len() < *length {
        match bytes.get(at) {
            Some(byte) if byte.is_ascii_digit() || byte.is_ascii_uppercase() => compact.push(*byte),
            Some(b' ') if compact.len() % 4 == 0 && bytes[at - 1] != b' ' => {}
            _ => return None,
        }
        at += 1;
    }
    let checks = compact[2].is_ascii_digit() && compact[3].is_ascii_digit() && ends_clean(bytes, at);
    (checks && iban_remainder(&compact) == 1).then_some((from, at))
}

fn iban_remainder(compact: &[u8]) -> u32 {
    compact[4..].iter().chain(&compact[..4]).fold(0, |remainder, byte| match byte {
        b'0'..=b'9' => (remainder * 10 + u32::from(byte - b'0')) % 97,
        _ => (remainder * 100 + u32::from(byte - b'A') + 10) % 97,
    })
}

/// How the value is shown: enough to find it, not enough to use it.
pub(super) fn masked(kind: PersonalKind, value: &str) -> String {
    match kind {
        PersonalKind::Email => {
            let (local, domain) = value.split_once('@').unwrap_or((value, ""));
            let first: String = local.chars().take(1).collect();
            format!("{first}•••@{domain}")
        }
        PersonalKind::BankAccount => format!("{}•• …", &value[..2]),
        PersonalKind::Phone | PersonalKind::Card | PersonalKind::SocialSecurity => {
            value.chars().map(|character| if character.is_ascii_digit() { '•' } else { character }).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number_in(text: &str) -> Option<PersonalKind> {
        let bytes = text.as_bytes();
        let starts = |index: &usize| {
            bytes[*index].is_ascii_digit() && (*index == 0 || !bytes[index - 1].is_ascii_digit())
        };
        (0..bytes.len()).filter(starts).find_map(|start| number_at(bytes, start)).map(|(kind, _, _)| kind)
    }

    #[test]
    fn numbers_of_the_right_form_are_found() {
        for (text, kind) in [
            ("card 4111 1111 1111 1111.", PersonalKind::Card),
            ("5555-5555-5555-4444", PersonalKind::Card),
            ("378282246310005", PersonalKind::Card),
            ("3782 822463 10005", PersonalKind::Card),
            ("IBAN DE89 3704 0044 0532 0130 00,", PersonalKind::BankAccount),
            ("GB82WEST12345698765432", PersonalKind::BankAccount),
            ("SSN: 536-22-8726", PersonalKind::SocialSecurity),
            ("call (415) 555-2671 now", PersonalKind::Phone),
            ("415-555-2671", PersonalKind::Phone),
            ("1-415-555-2671", PersonalKind::Phone),
            ("+44 20 7946 0958", PersonalKind::Phone),
            ("+4915112345678", PersonalKind::Phone),
            ("+1 (415) 555-2671", PersonalKind::Phone),
        ] {
            assert_eq!(number_in(text), Some(kind), "{text}");
        }
    }

    #[test]
    fn ordinary_numbers_are_not() {
        for text in [
            "4111 1111 1111 1112",
            "4444444444444444",
            "0.4111111111111111",
            "1609459200000",
            "DE89 3704 0044 0532 0130 01",
            "536-22-87261",
            "000-12-3456",
            "2021-03-04",
            "192.168.100.1000",
            "123-456-7890",
            "x+14155552671",
            "3 + 4155552671234",
            "12345678901234567890",
            "pages 415-555",
            "(415) 555-0134",
            "202-555-0199",
            "1,234,567,890",
            "ISBN 978-3-16-148410-0",
            "+1234",
        ] {
            assert_eq!(number_in(text), None, "{text}");
        }
    }

    #[test]
    fn addresses_end_where_the_sentence_goes_on() {
        let find = |text: &str| {
            let at = text.find('@').unwrap();
            email_at(text.as_bytes(), at).map(|(from, to)| text[from..to].to_owned())
        };
        assert_eq!(
            find("write to jane.doe+x@mail.company.co.uk."),
            Some("jane.doe+x@mail.company.co.uk".into())
        );
        assert_eq!(find("<a@b.io>"), Some("a@b.io".into()));
        assert_eq!(find("John@Gmail.Com"), Some("John@Gmail.Com".into()));
        assert_eq!(find("a@myexample.com"), Some("a@myexample.com".into()));
        for text in [
            "@handle",
            "a@b",
            "package@1.2.3",
            "logo@2x.png",
            "git@github.com:a/b",
            "jane@example.com",
            "jane@mail.Example.org",
            "jane@host.test",
            "sold at kiosk@shop.Valid until May",
            ".@b.com",
            "a@.com",
            "é@b",
        ] {
            assert_eq!(find(text), None, "{text}");
        }
    }

    #[test]
    fn masks_keep_no_digit() {
        assert_eq!(masked(PersonalKind::Email, "jane@b.com"), "j•••@b.com");
        assert_eq!(masked(PersonalKind::Card, "4111-1111"), "••••-••••");
        assert_eq!(masked(PersonalKind::BankAccount, "DE89370400440532013000"), "DE•• …");
    }
}
