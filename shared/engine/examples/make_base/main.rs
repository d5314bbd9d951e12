//! Makes the bundled tiny model: trains its tokenizer, pretrains it with this crate's own trainer, writes
//! the folder that `foretune --model` takes. Resumable: run it again to go on.
//!
//! `cargo run -p foretune-engine --example make_base -- --data ../shared/data --out lab/base --tokens 40000000`
//! and with `--size small` or `--size large` the lab's other sizes, with `--variant NAME` the other ways of
//! pretraining (`variants.rs`); a tokenizer.json in the output folder is kept.

#![expect(clippy::print_stderr, reason = "a command-line program reports its progress there")]
#![expect(clippy::disallowed_methods, reason = "a native program: it reads files and the clock")]

mod data;
mod pretrain;
mod variants;
mod vocabulary;

use std::path::{Path, PathBuf};

use tokenizers::Tokenizer;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

struct Options {
    data: PathBuf,
    out: PathBuf,
    work: PathBuf,
    size: pretrain::Size,
    variant: variants::Variant,
    tokens: u64,
}

fn main() -> Outcome<()> {
    let options = options()?;
    std::fs::create_dir_all(&options.out)?;
    std::fs::create_dir_all(&options.work)?;
    let texts = data::read(&options.data)?;
    let tokenizer = tokenizer(&options.out.join("tokenizer.json"), &texts)?;
    let rows = data::rows(&texts, &tokenizer, options.variant)?;
    eprintln!(
        "{} training rows of {} tokens, {} held out",
        rows.train.len(),
        rows.train.iter().map(|row| row.tokens.len()).sum::<usize>(),
        rows.held_out.len()
    );
    let plan = pretrain::Plan { size: options.size, variant: options.variant, tokens: options.tokens };
    pretrain::run(&rows, plan, &options.work, &options.out)
}

fn options() -> Outcome<Options> {
    let mut options = Options {
        data: "../shared/data".into(),
        out: "lab/base".into(),
        work: "target/base".into(),
        size: pretrain::Size::Tiny,
        variant: variants::STANDARD,
        tokens: 20_000_000,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(flag) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{flag} needs a value"))?;
        match flag.as_str() {
            "--data" => options.data = value.into(),
            "--out" => options.out = value.into(),
            "--work" => options.work = value.into(),
            "--size" => {
                options.size = pretrain::Size::parse(&value)
                    .ok_or_else(|| format!("--size {value}: expected small, tiny or large"))?;
            }
            "--variant" => {
                options.variant = variants::find(&value).ok_or_else(|| {
                    let known: Vec<&str> = variants::VARIANTS.iter().map(|variant| variant.name).collect();
                    format!("--variant {value}: expected one of {}", known.join(", "))
                })?;
            }
            "--tokens" => options.tokens = value.parse()?,
            _ => return Err(format!("unknown option {flag}").into()),
        }
    }
    Ok(options)
}

/// The committed tokenizer, or a new one where there is none: weights and pieces belong together.
fn tokenizer(path: &Path, texts: &data::Texts) -> Outcome<Tokenizer> {
    if !path.exists() {
        vocabulary::train(texts)?.save(path, false)?;
        vocabulary::write_settings(path)?;
    }
    Tokenizer::from_file(path)
}
