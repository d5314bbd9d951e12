//! The whole state of a run as bytes, and back: a run gone on from it gives the same trace bit for bit.

use foretune_core::hash::hash_bytes;
use serde::{Deserialize, Serialize};

use super::{State, Trainer};
use crate::error::{EngineError, Result};
use crate::lora::Adapter;
use crate::ops::with_slice;

const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Header {
    version: u32,
    /// Of everything that decides the run's course; another recipe or file must not go on from here.
    fingerprint: u64,
    state: State,
    trained_bytes: usize,
    best_bytes: usize,
}

impl Trainer {
    /// Length of the header, header, trained numbers with moments, best values.
    pub fn checkpoint(&self) -> Result<Vec<u8>> {
        let trained = self.model.snapshot()?;
        let best = self.state.best_values.clone().unwrap_or_default();
        let header = Header {
            version: VERSION,
            fingerprint: self.fingerprint(),
            state: self.state.clone(),
            trained_bytes: trained.len(),
            best_bytes: best.len(),
        };
        let header = serde_json::to_vec(&header).map_err(|error| bad(error.to_string()))?;
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        for part in [header, trained, best] {
            bytes.extend(part);
        }
        // A torn or bent file is found out before anything is taken from it.
        let sum = hash_bytes(&bytes, 0);
        bytes.extend(sum.to_le_bytes());
        Ok(bytes)
    }

    pub fn resume(&mut self, bytes: &[u8]) -> Result<()> {
        let (body, sum) = bytes.split_last_chunk::<8>().ok_or_else(|| bad("it is empty".into()))?;
        if hash_bytes(body, 0) != u64::from_le_bytes(*sum) {
            return Err(bad("its checksum does not match: it was cut off or changed".into()));
        }
        let (length, rest) = body.split_first_chunk::<8>().ok_or_else(|| bad("it is cut off".into()))?;
        let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let header = rest.get(..length).ok_or_else(|| bad("it is cut off".into()))?;
        let header: Header = serde_json::from_slice(header).map_err(|error| bad(error.to_string()))?;
        if header.version != VERSION {
            return Err(bad(format!("it is of version {}, this program writes {VERSION}", header.version)));
        }
        if header.fingerprint != self.fingerprint() {
            return Err(bad("it belongs to another file, model or recipe".into()));
        }
        let data = &rest[length..];
        if header.trained_bytes.checked_add(header.best_bytes) != Some(data.len()) {
            return Err(bad("it is cut off".into()));
        }
        self.model.restore(&data[..header.trained_bytes])?;
        self.state = header.state;
        self.state.best_values = (header.best_bytes > 0).then(|| data[header.trained_bytes..].to_vec());
        Ok(())
    }

    /// Recipe, plan, model shape and rows.
    fn fingerprint(&self) -> u64 {
        let plan = (&self.options.recipe, self.options.total_steps, &self.options.depths);
        let mut text = serde_json::to_vec(&plan).unwrap_or_default();
        text.extend(self.model.config.to_json().to_string().into_bytes());
        for rows in [&self.data.train, &self.data.held_out, &self.data.evaluation, &self.data.general] {
            for row in rows {
                text.extend(row.tokens.iter().flat_map(|token| token.to_le_bytes()));
                text.extend(row.trained.iter().map(|trained| u8::from(*trained)));
            }
            text.push(0xff);
        }
        hash_bytes(&text, 0)
    }

    pub(super) fn trained_bytes(&self) -> Result<Vec<u8>> {
        with_slice(&self.model.trained.parameters()?.values, |values| {
            values.iter().flat_map(|value| value.to_le_bytes()).collect()
        })
    }

    /// The adapter as it is now.
    pub fn last_adapter(&self) -> Result<Adapter> {
        self.model.adapter()
    }

    /// Puts the best values seen so far back on; false where no reading was made yet.
    pub fn take_best(&mut self) -> Result<bool> {
        let Some(bytes) = &self.state.best_values else { return Ok(false) };
        let shape = [bytes.len() / 4];
        let values = candle_core::Tensor::from_raw_buffer(
            bytes,
            candle_core::DType::F32,
            &shape,
            &candle_core::Device::Cpu,
        )?;
        self.model.set_values(&values)?;
        Ok(true)
    }
}

fn bad(reason: String) -> EngineError {
    EngineError::Checkpoint { reason }
}
