//! Keys and passwords with a form of their own: prefixes that vendors chose so that scanners can find them.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Secret {
    pub(super) words: &'static str,
    pub(super) from: usize,
    /// Where the part that must not be shown begins.
    pub(super) hidden_from: usize,
    pub(super) to: usize,
}

struct Prefix {
    text: &'static str,
    words: &'static str,
    /// Characters after the prefix, fewest and most.
    min: usize,
    max: usize,
    dashes: bool,
    /// Lower-case words joined by dashes are no keys: a digit and a capital must occur.
    needs_mix: bool,
}

const fn prefix(text: &'static str, words: &'static str, min: usize, max: usize) -> Prefix {
    Prefix { text, words, min, max, dashes: false, needs_mix: false }
}

/// Each is found from its trigger byte: `_`, `-`, or one of the rarer letters `K`, `S` and `z`.
const PREFIXES: &[Prefix] = &[
    prefix("AKIA", "AWS access key", 16, 16),
    prefix("ASIA", "AWS session key", 16, 16),
    Prefix { dashes: true, ..prefix("AIza", "Google API key", 35, 35) },
    prefix("ghp_", "GitHub token", 36, 255),
    prefix("gho_", "GitHub token", 36, 255),
    prefix("ghu_", "GitHub token", 36, 255),
    prefix("ghs_", "GitHub token", 36, 255),
    prefix("ghr_", "GitHub token", 36, 255),
    prefix("github_pat_", "GitHub token", 22, 255),
    prefix("sk_live_", "Stripe key", 16, 255),
    prefix("rk_live_", "Stripe key", 16, 255),
    prefix("hf_", "Hugging Face token", 34, 40),
    prefix("npm_", "npm token", 36, 36),
    Prefix { dashes: true, ..prefix("glpat-", "GitLab token", 20, 255) },
    Prefix { dashes: true, ..prefix("xoxb-", "Slack token", 20, 255) },
    Prefix { dashes: true, ..prefix("xoxp-", "Slack token", 20, 255) },
    Prefix { dashes: true, ..prefix("xoxa-", "Slack token", 20, 255) },
    Prefix { dashes: true, ..prefix("xoxr-", "Slack token", 20, 255) },
    Prefix { dashes: true, ..prefix("xoxs-", "Slack token", 20, 255) },
    Prefix { dashes: true, needs_mix: true, ..prefix("sk-", "API key", 20, 255) },
];

/// The key whose prefix ends or has its trigger byte at `trigger`.
pub(super) fn key_at(bytes: &[u8], trigger: usize) -> Option<Secret> {
    if !could_be_key(bytes, trigger) {
        return None;
    }
    PREFIXES.iter().find_map(|prefix| {
        let from = start_of(prefix.text.as_bytes(), bytes, trigger)?;
        let glued = from > 0 && (bytes[from - 1].is_ascii_alphanumeric() || b"_-".contains(&bytes[from - 1]));
        if glued {
            return None;
        }
        let body_from = from + prefix.text.len();
        let in_body =
            |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || (prefix.dashes && *byte == b'-');
        let body = bytes[body_from..].iter().take(prefix.max + 1).take_while(|byte| in_body(byte)).count();
        if body < prefix.min || body > prefix.max {
            return None;
        }
        let body_bytes = &bytes[body_from..body_from + body];
        let upper_only = prefix.text == "AKIA" || prefix.text == "ASIA";
        if upper_only && !body_bytes.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()) {
            return None;
        }
        if prefix.needs_mix && !is_mixed(body_bytes) || is_filler(body_bytes) {
            return None;
        }
        Some(Secret { words: prefix.words, from, hidden_from: body_from, to: body_from + body })
    })
}

/// The two bytes around the trigger rule out nearly all text before the prefixes are compared.
fn could_be_key(bytes: &[u8], trigger: usize) -> bool {
    let before = |back: usize| trigger.checked_sub(back).map_or(0, |index| bytes[index]);
    let after = bytes.get(trigger + 1).copied().unwrap_or(0);
    match bytes[trigger] {
        b'K' | b'S' => before(1) == b'A' && after == b'I',
        b'z' => before(1) == b'I' && after == b'a',
        b'_' => matches!(
            &[before(2), before(1)],
            b"hp" | b"ho" | b"hu" | b"hs" | b"hr" | b"at" | b"ve" | b"hf" | b"pm"
        ),
        b'-' => matches!((before(2), before(1)), (b's', b'k') | (b'o' | b'x', _) | (b'a', b't')),
        _ => false,
    }
}

/// Where the prefix starts, if its trigger byte stands at `trigger`. The trigger is the last `_` or `-`, else the
/// first of the rarer letters.
fn start_of(prefix: &[u8], bytes: &[u8], trigger: usize) -> Option<usize> {
    let offset = prefix
        .iter()
        .rposition(|byte| matches!(byte, b'_' | b'-'))
        .or_else(|| prefix.iter().position(|byte| matches!(byte, b'K' | b'S' | b'z')))?;
    let from = trigger.checked_sub(offset)?;
    bytes[from..].starts_with(prefix).then_some(from)
}

fn is_mixed(body: &[u8]) -> bool {
    body.iter().any(u8::is_ascii_digit) && body.iter().any(u8::is_ascii_uppercase)
}

/// Documentation writes XXXX… or the word EXAMPLE where a key would stand.
fn is_filler(body: &[u8]) -> bool {
    let first = body.first().map(u8::to_ascii_lowercase);
    body.iter().all(|byte| Some(byte.to_ascii_lowercase()) == first)
        || body.ends_with(b"EXAMPLE")
        || memchr::memmem::find(body, b"XXXXXXXX").is_some()
        || memchr::memmem::find(body, b"xxxxxxxx").is_some()
}

/// A PEM private key whose dashes start at `start`.
pub(super) fn private_key_at(bytes: &[u8], start: usize) -> Option<Secret> {
    const OPENING: &[u8] = b"-----BEGIN ";
    const CLOSING: &[u8] = b"PRIVATE KEY-----";
    const MAX_KIND_BYTES: usize = 24;
    /// Bytes looked at for the end mark.
    const MAX_KEY_BYTES: usize = 16 << 10;
    if !bytes[start..].starts_with(OPENING) {
        return None;
    }
    let window = &bytes[start..bytes.len().min(start + OPENING.len() + MAX_KIND_BYTES + CLOSING.len())];
    let header = memchr::memmem::find(window, CLOSING)? + CLOSING.len();
    let body_from = start + header;
    let rest = &bytes[body_from..bytes.len().min(body_from + MAX_KEY_BYTES)];
    let has_body = rest.iter().take(200).filter(|byte| byte.is_ascii_alphanumeric()).count() >= 40;
    if !has_body {
        return None;
    }
    let to = memchr::memmem::find(rest, b"-----END ")
        .and_then(|end| memchr::memmem::find(&rest[end..], CLOSING).map(|tail| end + tail + CLOSING.len()))
        .map_or(body_from + rest.len(), |end| body_from + end);
    Some(Secret { words: "private key", from: start, hidden_from: body_from, to })
}

/// A JSON web token: two base64 objects and a signature; `trigger` is the J of `eyJ`.
pub(super) fn web_token_at(bytes: &[u8], trigger: usize) -> Option<Secret> {
    let from = trigger.checked_sub(2)?;
    if !bytes[from..].starts_with(b"eyJ") || (from > 0 && bytes[from - 1].is_ascii_alphanumeric()) {
        return None;
    }
    let part = |at: usize| {
        bytes[at..]
            .iter()
            .take(8192)
            .take_while(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte))
            .count()
    };
    let header = part(from);
    let payload_at = from + header + 1;
    if header < 10 || bytes.get(payload_at - 1) != Some(&b'.') || !bytes[payload_at..].starts_with(b"eyJ") {
        return None;
    }
    let payload = part(payload_at);
    let signature_at = payload_at + payload + 1;
    if payload < 10 || bytes.get(signature_at - 1) != Some(&b'.') {
        return None;
    }
    let signature = part(signature_at);
    (signature >= 16).then_some(Secret {
        words: "JSON web token",
        from,
        hidden_from: payload_at,
        to: signature_at + signature,
    })
}

/// scheme://user:password@host, found from its `@`.
pub(super) fn password_before(bytes: &[u8], at: usize) -> Option<Secret> {
    const MAX_CREDENTIALS: usize = 128;
    let allowed = |byte: &u8| byte.is_ascii_graphic() && !b"/@\"'<>()[]{}".contains(byte);
    let length = bytes[..at].iter().rev().take(MAX_CREDENTIALS + 1).take_while(|byte| allowed(byte)).count();
    let from = at - length;
    let credentials = &bytes[from..at];
    let colon = credentials.iter().position(|byte| *byte == b':')?;
    let password = &credentials[colon + 1..];
    let in_address = from >= 3 && &bytes[from - 3..from] == b"://";
    let host_follows = bytes.get(at + 1).is_some_and(u8::is_ascii_alphanumeric);
    let word = password.to_ascii_lowercase();
    let filler = [&b"password"[..], b"pass", b"passwd", b"pwd", b"secret"].contains(&word.as_slice());
    (in_address && host_follows && colon > 0 && password.len() >= 4 && !filler).then_some(Secret {
        words: "password in an address",
        from,
        hidden_from: from + colon + 1,
        to: at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys are put together here, so that no scanner takes this file for a leak.
    fn key(prefix: &str, length: usize) -> String {
        format!("{prefix}{}", "aB3dE6gH9jK2".chars().cycle().take(length).collect::<String>())
    }

    fn found(text: &str) -> Option<&'static str> {
        let bytes = text.as_bytes();
        (0..bytes.len())
            .find_map(|at| {
                key_at(bytes, at)
                    .or_else(|| private_key_at(bytes, at))
                    .or_else(|| web_token_at(bytes, at))
                    .or_else(|| (bytes[at] == b'@').then(|| password_before(bytes, at)).flatten())
            })
            .map(|secret| {
                assert!(
                    secret.from < secret.hidden_from
                        && secret.hidden_from < secret.to
                        && secret.to <= bytes.len()
                );
                secret.words
            })
    }

    #[test]
    fn keys_of_every_vendor_are_found() {
        let aws = format!("id={}{}", "AKIA", "Z7QXW3ERT5YUP2KL");
        assert_eq!(found(&aws), Some("AWS access key"));
        assert_eq!(found(&key("AIza", 35)), Some("Google API key"));
        assert_eq!(found(&format!("token: {}.", key("ghp_", 36))), Some("GitHub token"));
        assert_eq!(found(&key("github_pat_", 82)), Some("GitHub token"));
        assert_eq!(found(&key("sk_live_", 24)), Some("Stripe key"));
        assert_eq!(found(&key("hf_", 34)), Some("Hugging Face token"));
        assert_eq!(found(&key("xoxb-", 30)), Some("Slack token"));
        assert_eq!(found(&key("sk-proj-", 40)), Some("API key"));
        assert_eq!(
            found(&format!("{}.{}.{}", key("eyJ", 20), key("eyJ", 40), key("", 43))),
            Some("JSON web token")
        );
        let pem =
            format!("-----BEGIN RSA PRIVATE {0}\n{1}\n-----END RSA PRIVATE {0}", "KEY-----", key("MII", 300));
        assert_eq!(found(&pem), Some("private key"));
        assert_eq!(found("postgres://app:h7Gq!x@db.internal/x"), Some("password in an address"));
    }

    #[test]
    fn look_alikes_are_not() {
        for text in [
            "AKIAIOSFODNN7EXAMPLE".to_owned(),
            key("task-", 40),
            "sk-learn-is-a-library-for-machine-learning".to_owned(),
            format!("sk-{}", "x".repeat(48)),
            "-----BEGIN PRIVATE KEY-----".to_owned(),
            "-----BEGIN PUBLIC KEY-----".to_owned(),
            "https://user:password@host.example".to_owned(),
            "mailto:a@b.com".to_owned(),
            key("half_", 34),
            "eyJhbGciOi.x.y".to_owned(),
        ] {
            assert_eq!(found(&text), None, "{text}");
        }
    }
}
