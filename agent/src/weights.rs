//! A model's folder as Hugging Face lays it out: config, tokenizer, one or more safetensors shards read by
//! ranges. The bundled tiny model goes by the name `tiny`.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use foretune_core::hash::{combine, hash_bytes};
use foretune_core::limits;
use foretune_core::source::ByteSource;
use foretune_core::tokenizer::ModelTokenizer;
use foretune_engine::safetensors::{Entry, Header, SafetensorsBytes, TensorSource};
use foretune_engine::template::Template;
use foretune_engine::{EngineError, LoadOptions, Model, ModelConfig};
use serde_json::Value;

use crate::files::{self, FileSource};
use crate::models::{self, Cache, ModelName};

/// Name of the model inside this program.
pub const TINY: &str = foretune_core::runs::BUNDLED_MODEL;

mod tiny {
    pub const CONFIG: &str = include_str!("../../lab/base/config.json");
    pub const WEIGHTS: &[u8] = include_bytes!("../../lab/base/model.safetensors");
    pub const TOKENIZER: &[u8] = include_bytes!("../../lab/base/tokenizer.json");
    pub const SETTINGS: &str = include_str!("../../lab/base/tokenizer_config.json");
}

#[derive(Debug)]
pub struct ModelFolder {
    /// As the user named it.
    pub name: String,
    /// None for the bundled model.
    folder: Option<PathBuf>,
    pub config: ModelConfig,
    pub tokenizer: ModelTokenizer,
    pub template: Template,
}

impl ModelFolder {
    /// A folder, the name of one in the Hugging Face cache, or `tiny`.
    pub fn open(name: &str) -> Result<Self> {
        if name == TINY {
            return Self::from_texts(name, None, tiny::CONFIG, tiny::TOKENIZER, Some(tiny::SETTINGS));
        }
        let folder = find(name)?;
        let config = read_model_text(&folder.join("config.json"))?;
        let tokenizer =
            files::read_bounded(&folder.join("tokenizer.json"), limits::MAX_TOKENIZER_BYTES as u64)?;
        let settings = folder.join("tokenizer_config.json");
        let settings = if files::exists(&settings) { Some(read_model_text(&settings)?) } else { None };
        Self::from_texts(name, Some(folder.clone()), &config, &tokenizer, settings.as_deref())
            .with_context(|| format!("the model in {} cannot be used", folder.display()))
    }

    fn from_texts(
        name: &str,
        folder: Option<PathBuf>,
        config: &str,
        tokenizer: &[u8],
        settings: Option<&str>,
    ) -> Result<Self> {
        let config = ModelConfig::from_json(config)?;
        let tokenizer = ModelTokenizer::read(tokenizer).context("tokenizer.json cannot be used")?;
        let pieces = tokenizer.pieces();
        if pieces > config.vocab_size {
            bail!(
                "tokenizer.json has {pieces} pieces, the model's vocabulary {}: they do not belong together",
                config.vocab_size
            );
        }
        let settings: Value = settings.map_or(Ok(Value::Null), serde_json::from_str).unwrap_or(Value::Null);
        let chat_template = settings.get("chat_template").and_then(Value::as_str);
        let template = Template::detect(|marker| tokenizer.id_of(marker).is_some(), chat_template)
            .ok_or_else(|| {
                anyhow!("the tokenizer knows none of the chat markers of Qwen, Llama 3 or the tiny model")
            })?;
        Ok(Self { name: name.to_owned(), folder, config, tokenizer, template })
    }

    pub fn load(&self, options: &LoadOptions) -> Result<Model> {
        self.weights()?.load(&self.config, options)
    }

    /// Opens the weights: they stay these even if the files are replaced meanwhile.
    pub fn weights(&self) -> Result<Weights> {
        Ok(match &self.folder {
            None => Weights::Bundled,
            Some(folder) => Weights::Shards(folder.clone(), Shards::open(folder)?),
        })
    }

    /// Of shape, tokenizer and weights together.
    pub fn fingerprint(&self, weights: &Weights) -> Result<u64> {
        let config = hash_bytes(self.config.to_json().to_string().as_bytes(), 0);
        let tokenizer = self.tokenizer.to_json().context("the tokenizer cannot be written")?;
        Ok(combine(combine(config, hash_bytes(tokenizer.as_bytes(), 0)), weights.fingerprint()?))
    }

    /// The byte at which each token of a text begins.
    pub fn token_starts(&self, text: &str) -> Result<Vec<usize>> {
        Ok(self.tokenizer.starts(text)?)
    }

    /// Token ids to text, markers included.
    pub fn decode(&self, ids: &[u32]) -> foretune_engine::Result<String> {
        self.tokenizer.decode(ids).map_err(|error| EngineError::Data {
            reason: format!("tokens cannot be turned into text: {error}"),
        })
    }

    /// Text to token ids, without markers of the tokenizer's own.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        Ok(self.tokenizer.encode(text)?)
    }
}

/// The folder itself, or the snapshot of a name in the cache that Python shares.
fn find(name: &str) -> Result<PathBuf> {
    let folder = PathBuf::from(name);
    if files::exists(&folder.join("config.json")) {
        return Ok(folder);
    }
    if files::is_folder(&folder) {
        bail!(
            "the folder {} holds no config.json, so it is no model as Hugging Face lays it out",
            folder.display()
        );
    }
    let Some(wanted) = ModelName::parse(name) else {
        bail!("no model {name:?}: no folder of that name, and no name of a hub; `tiny` is the bundled one");
    };
    let cache = Cache::of_environment()?;
    cache.snapshot(&wanted).ok_or_else(|| {
        anyhow!(
            "no model {name:?}: neither a folder with a config.json nor whole in the cache at {}; \
             `tiny` is the bundled one, others are fetched with `foretune models pull {name}`",
            cache.model(&wanted).display()
        )
    })
}

/// Names by which models of this machine can be used, the bundled one first.
pub fn known_models() -> Vec<String> {
    let held = Cache::of_environment().and_then(|cache| cache.list()).unwrap_or_default();
    let mut names: Vec<String> =
        held.into_iter().map(|held| held.name).filter(|name| find(name).is_ok()).collect();
    names.dedup();
    names.insert(0, TINY.to_owned());
    names
}

/// Of the model's shape alone; `None` where it is none that can be trained here.
pub fn parameters(name: &str) -> Option<u64> {
    let config = if name == TINY {
        tiny::CONFIG.to_owned()
    } else {
        read_model_text(&find(name).ok()?.join("config.json")).ok()?
    };
    Some(ModelConfig::from_json(&config).ok()?.parameter_count())
}

/// A model's opened weights.
#[derive(Debug)]
pub enum Weights {
    Bundled,
    Shards(PathBuf, Shards),
}

impl Weights {
    pub fn load(&self, config: &ModelConfig, options: &LoadOptions) -> Result<Model> {
        match self {
            Self::Bundled => Ok(Model::load(config, &SafetensorsBytes::new(tiny::WEIGHTS)?, options)?),
            Self::Shards(folder, shards) => Model::load(config, shards, options)
                .with_context(|| format!("the weights in {} cannot be used", folder.display())),
        }
    }

    fn fingerprint(&self) -> Result<u64> {
        match self {
            Self::Bundled => {
                Ok(tiny::WEIGHTS.chunks(HASH_BYTES).fold(0, |sum, piece| combine(sum, hash_bytes(piece, 0))))
            }
            Self::Shards(_, shards) => shards.fingerprint(),
        }
    }
}

/// A folder of models comes from strangers, and a link in it may point anywhere.
pub fn read_model_text(path: &Path) -> Result<String> {
    let bytes = files::read_bounded(path, limits::MAX_MODEL_TEXT_BYTES)?;
    String::from_utf8(bytes).with_context(|| format!("{} is not UTF-8", path.display()))
}

/// Bytes hashed at a time.
const HASH_BYTES: usize = 1 << 20;

/// Safetensors files of one model, read a tensor at a time.
#[derive(Debug)]
pub struct Shards {
    files: Vec<(PathBuf, RefCell<FileSource>)>,
    entries: BTreeMap<String, (usize, Entry)>,
}

impl Shards {
    fn open(folder: &Path) -> Result<Self> {
        let mut shards = Self { files: Vec::new(), entries: BTreeMap::new() };
        let index = folder.join("model.safetensors.index.json");
        if files::exists(&index) {
            let names = models::shards(&read_model_text(&index)?)
                .with_context(|| format!("{} cannot be used", index.display()))?;
            for name in names {
                shards.add(&folder.join(&name)).with_context(|| {
                    format!("{} names the shard {name}: fetch the model again", index.display())
                })?;
            }
        } else {
            shards.add(&folder.join("model.safetensors"))?;
        }
        Ok(shards)
    }

    fn add(&mut self, path: &Path) -> Result<()> {
        let mut source = FileSource::open(path)?;
        let total = source.len();
        let broken = || format!("{} is not a whole safetensors file", path.display());
        let mut first = [0; 8];
        read_exactly(&mut source, 0, &mut first).with_context(broken)?;
        let length = Header::length(first, total).with_context(broken)?;
        let mut header = vec![0; usize::try_from(length)?];
        read_exactly(&mut source, 8, &mut header).with_context(broken)?;
        let header = Header::parse(&header, total).with_context(broken)?;
        let number = self.files.len();
        self.entries.extend(header.entries.into_iter().map(|(name, entry)| (name, (number, entry))));
        self.files.push((path.to_owned(), RefCell::new(source)));
        Ok(())
    }
}

impl Shards {
    /// Of all bytes of all files, in the order of their names.
    fn fingerprint(&self) -> Result<u64> {
        let mut sum = 0;
        for (path, source) in &self.files {
            let mut source = source.borrow_mut();
            let length = source.len();
            let mut offset = 0;
            while offset < length {
                let mut piece = vec![0; (length - offset).min(HASH_BYTES as u64) as usize];
                read_exactly(&mut source, offset, &mut piece)
                    .with_context(|| format!("{} cannot be read", path.display()))?;
                sum = combine(sum, hash_bytes(&piece, 0));
                offset += piece.len() as u64;
            }
        }
        Ok(sum)
    }
}

impl TensorSource for Shards {
    fn entry(&self, name: &str) -> Option<Entry> {
        self.entries.get(name).map(|(_, entry)| entry.clone())
    }

    fn bytes(&self, name: &str) -> foretune_engine::Result<Cow<'_, [u8]>> {
        let found = self.entries.get(name);
        let (number, entry) = found.ok_or_else(|| EngineError::MissingTensor { name: name.to_owned() })?;
        let (path, source) = &self.files[*number];
        let mut bytes = vec![0; (entry.end - entry.start) as usize];
        read_exactly(&mut source.borrow_mut(), entry.start, &mut bytes)
            .map_err(|error| EngineError::Container { reason: format!("{}: {error}", path.display()) })?;
        Ok(Cow::Owned(bytes))
    }
}

fn read_exactly(source: &mut FileSource, offset: u64, buffer: &mut [u8]) -> Result<()> {
    let mut done = 0;
    while done < buffer.len() {
        match source.read_at(offset + done as u64, &mut buffer[done..])? {
            0 => bail!("it ends at byte {}", offset + done as u64),
            count => done += count,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundled_model_loads_and_its_parts_fit() {
        let folder = ModelFolder::open(TINY).unwrap();
        assert_eq!(folder.template, Template::Brief);
        let model = folder.load(&LoadOptions::cpu()).unwrap();
        assert!(model.config.parameter_count() < 1_000_000);
        let ids = folder.encode("<|user|>hello<|assistant|>").unwrap();
        assert_eq!(ids.first(), folder.tokenizer.id_of("<|user|>").as_ref());
    }

    #[test]
    fn an_unknown_model_says_where_it_was_looked_for() {
        let error = ModelFolder::open("no/such-model").unwrap_err().to_string();
        assert!(error.contains("no/such-model") && error.contains("models--no--such-model"), "{error}");
    }

    #[test]
    fn a_cut_shard_and_a_missing_one_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        files::write_atomically(&at("config.json"), tiny::CONFIG.as_bytes()).unwrap();
        files::write_atomically(&at("tokenizer.json"), tiny::TOKENIZER).unwrap();
        let model = ModelFolder::open(folder.path().to_str().unwrap()).unwrap();
        let error = |model: &ModelFolder| format!("{:#}", model.load(&LoadOptions::cpu()).unwrap_err());
        assert!(error(&model).contains("model.safetensors"));
        files::write_atomically(&at("model.safetensors"), &tiny::WEIGHTS[..tiny::WEIGHTS.len() / 2]).unwrap();
        assert!(error(&model).contains("cut off"), "{}", error(&model));
        files::write_atomically(&at("model.safetensors"), tiny::WEIGHTS).unwrap();
        model.load(&LoadOptions::cpu()).unwrap();
    }
}
