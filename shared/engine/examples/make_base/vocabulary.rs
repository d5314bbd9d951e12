//! The tokenizer: byte-level BPE of 2,048 pieces and four markers for chat.

use std::path::Path;

use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{AddedToken, Tokenizer, models::TrainerWrapper};

use crate::Outcome;
use crate::data::Texts;

pub const PIECES: usize = 2048;

pub fn train(texts: &Texts) -> Outcome<Tokenizer> {
    let mut tokenizer = Tokenizer::new(BPE::default());
    let bytes = ByteLevel::new(false, true, true);
    tokenizer.with_pre_tokenizer(Some(bytes)).with_decoder(Some(bytes));
    let markers = ["<|end|>", "<|user|>", "<|assistant|>", "<|system|>"];
    let trainer = BpeTrainer::builder()
        .vocab_size(PIECES)
        .min_frequency(2)
        .show_progress(false)
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .special_tokens(markers.iter().map(|marker| AddedToken::from(*marker, true)).collect())
        .build();
    let documents = texts.documents.iter().map(String::as_str);
    let tasks = texts.tasks.iter().flat_map(|task| [task.prompt.as_str(), task.answer.as_str()]);
    let texts: Vec<String> = documents.chain(tasks).map(str::to_owned).collect();
    tokenizer.train(&mut TrainerWrapper::from(trainer), texts.into_iter())?;
    Ok(tokenizer)
}

/// What transformers needs beside `tokenizer.json`, chat template included.
pub fn write_settings(tokenizer: &Path) -> Outcome<()> {
    let template = "{% for message in messages %}{{ '<|' + message.role + '|>' + message.content }}\
        {% if message.role == 'assistant' %}{{ '<|end|>' }}{% endif %}{% endfor %}\
        {% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}";
    let settings = serde_json::json!({
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": "<|end|>",
        "pad_token": "<|end|>",
        "model_max_length": 512,
        "chat_template": template,
    });
    std::fs::write(tokenizer.with_file_name("tokenizer_config.json"), format!("{settings:#}\n"))?;
    Ok(())
}
