//! Control tokens spelled out in ordinary text, and markup that chat templates write themselves.

/// Qwen2.5's added tokens (ids 151643 to 151664), without the two tool-call tags, which stand in `MARKUP`.
const QWEN: &[&str] = &[
    "endoftext",
    "im_start",
    "im_end",
    "object_ref_start",
    "object_ref_end",
    "box_start",
    "box_end",
    "quad_start",
    "quad_end",
    "vision_start",
    "vision_end",
    "vision_pad",
    "image_pad",
    "video_pad",
    "fim_prefix",
    "fim_middle",
    "fim_suffix",
    "fim_pad",
    "repo_name",
    "file_sep",
];

/// Llama 3, 3.1 and 3.2; the numbered `reserved_special_token_N` are matched by their stem.
const LLAMA: &[&str] = &[
    "begin_of_text",
    "end_of_text",
    "finetune_right_pad_id",
    "step_id",
    "start_header_id",
    "end_header_id",
    "eom_id",
    "eot_id",
    "python_tag",
    "image",
];

/// OpenAI's cl100k (with the chat marks of its models), o200k and the harmony set of o200k; the numbered
/// `reserved_N` are matched by their stem.
const OPENAI: &[&str] = &[
    "endoftext",
    "endofprompt",
    "fim_prefix",
    "fim_middle",
    "fim_suffix",
    "im_start",
    "im_end",
    "im_sep",
    "startoftext",
    "return",
    "constrain",
    "channel",
    "start",
    "end",
    "message",
    "call",
];

const LLAMA_RESERVED: &str = "reserved_special_token_";
const OPENAI_RESERVED: &str = "reserved_";

/// Not control tokens of the three vocabularies' kind, but written by templates or their tools.
const MARKUP: &[&str] = &[
    "<tool_call>",
    "</tool_call>",
    "<tool_response>",
    "</tool_response>",
    "<think>",
    "</think>",
    "<start_of_turn>",
    "<end_of_turn>",
    "<<SYS>>",
    "<</SYS>>",
    "[INST]",
    "[/INST]",
];

/// Longest name between the bars that is looked at.
const MAX_NAME_BYTES: usize = 40;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    Special,
    Markup,
}

/// The token that starts at `start` (a `<` or `[`), with the position after it.
pub(super) fn token_at(text: &str, start: usize) -> Option<(TokenKind, usize)> {
    let rest = &text.as_bytes()[start..];
    if rest.starts_with(b"<|") {
        let name_bytes = rest[2..].iter().take(MAX_NAME_BYTES + 1).position(|byte| *byte == b'|')?;
        if rest.get(2 + name_bytes + 1) != Some(&b'>') {
            return None;
        }
        let name = &text[start + 2..start + 2 + name_bytes];
        let kind = if is_special_name(name) {
            TokenKind::Special
        } else if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            TokenKind::Markup
        } else {
            return None;
        };
        return Some((kind, start + name_bytes + 4));
    }
    // Second bytes of the markup; `<` and `[` open much else.
    if !matches!(rest.get(1), Some(b't' | b'/' | b's' | b'e' | b'<' | b'I')) {
        return None;
    }
    let markup = MARKUP.iter().find(|markup| rest.starts_with(markup.as_bytes()))?;
    Some((TokenKind::Markup, start + markup.len()))
}

fn is_special_name(name: &str) -> bool {
    [QWEN, LLAMA, OPENAI].iter().any(|vocabulary| vocabulary.contains(&name))
        || is_numbered(name, LLAMA_RESERVED)
        || is_numbered(name, OPENAI_RESERVED)
}

fn is_numbered(name: &str, stem: &str) -> bool {
    name.strip_prefix(stem)
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether OpenAI's services know this token (written out, bars included).
pub fn is_openai_special_token(token: &str) -> bool {
    token
        .strip_prefix("<|")
        .and_then(|rest| rest.strip_suffix("|>"))
        .is_some_and(|name| OPENAI.contains(&name) || is_numbered(name, OPENAI_RESERVED))
}

/// Which vocabularies have the token, for the finding's text.
pub(super) fn vocabularies(token: &str) -> String {
    let name = token.trim_start_matches("<|").trim_end_matches("|>");
    let mut names = Vec::new();
    if QWEN.contains(&name) {
        names.push("Qwen2.5");
    }
    if LLAMA.contains(&name) || is_numbered(name, LLAMA_RESERVED) {
        names.push("Llama 3");
    }
    if is_openai_special_token(token) {
        names.push("OpenAI");
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_token_is_found_whole() {
        for name in [QWEN, LLAMA, OPENAI].concat() {
            let text = format!("a<|{name}|>b");
            assert_eq!(token_at(&text, 1), Some((TokenKind::Special, text.len() - 1)), "{name}");
        }
        for markup in MARKUP {
            assert_eq!(token_at(markup, 0), Some((TokenKind::Markup, markup.len())));
        }
        assert_eq!(token_at("<|reserved_special_token_17|>", 0), Some((TokenKind::Special, 29)));
    }

    #[test]
    fn look_alikes_are_told_apart() {
        assert_eq!(token_at("<|user|>", 0), Some((TokenKind::Markup, 8)));
        for plain in ["<|", "<||>", "<|a b|>", "<|unclosed", "<|x|y", "<b>", "[1]", "<|é|>"] {
            assert_eq!(token_at(plain, 0), None, "{plain}");
        }
        assert_eq!(token_at(&format!("<|{}|>", "x".repeat(50)), 0), None);
    }

    #[test]
    fn vocabularies_are_named() {
        assert_eq!(vocabularies("<|endoftext|>"), "Qwen2.5, OpenAI");
        assert_eq!(vocabularies("<|eot_id|>"), "Llama 3");
        assert!(is_openai_special_token("<|return|>") && !is_openai_special_token("return"));
    }
}
