//! The secret that pairs a page with this agent: in a file that only its owner may read, and in the fragment of a
//! link, which browsers send to nobody. For a link that other programs see there is a code that works once.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::{Result, anyhow};

use super::log;
use crate::files;

const FILE: &str = "secret";
const ONCE: &str = "once-";
const BYTES: usize = 32;

#[derive(Debug)]
pub struct Secret {
    lasting: String,
    once: Mutex<Option<String>>,
}

/// What a client showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    Lasting,
    /// Used up now: the client gets the lasting one.
    Once,
}

impl Secret {
    /// The one in the folder; a new one where there is none, where it is to be replaced, or where others could
    /// have read it.
    pub fn open(folder: &Path, renew: bool) -> Result<Self> {
        let path = folder.join(FILE);
        let mut known = None;
        if files::exists(&path) && !renew {
            if files::is_open_to_others(&path)? {
                log::warn(
                    "the pairing secret could be read by others and was replaced: pages have to pair anew",
                );
            } else {
                known =
                    Some(files::read_text(&path)?.trim().to_owned()).filter(|text| text.len() == 2 * BYTES);
            }
        }
        let lasting = if let Some(known) = known {
            known
        } else {
            let fresh = random_hex()?;
            files::write_private(&path, format!("{fresh}\n").as_bytes())?;
            fresh
        };
        Ok(Self { lasting, once: Mutex::new(None) })
    }

    pub fn lasting(&self) -> &str {
        &self.lasting
    }

    pub fn new_code(&self) -> Result<String> {
        let code = format!("{ONCE}{}", random_hex()?);
        *self.once.lock().unwrap_or_else(PoisonError::into_inner) = Some(code.clone());
        Ok(code)
    }

    pub fn check(&self, token: &str) -> Option<Shown> {
        if is_same(token, &self.lasting) {
            return Some(Shown::Lasting);
        }
        let mut once = self.once.lock().unwrap_or_else(PoisonError::into_inner);
        if once.as_ref().is_some_and(|code| is_same(token, code)) {
            *once = None;
            return Some(Shown::Once);
        }
        None
    }
}

/// Takes as long for the first wrong letter as for the last.
fn is_same(given: &str, known: &str) -> bool {
    let (given, known) = (given.as_bytes(), known.as_bytes());
    given.len() == known.len() && given.iter().zip(known).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}

pub fn random_hex() -> Result<String> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("the system gives no random numbers: {error}"))?;
    Ok(bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

/// The link that pairs a page at this address with the agent there, or, for another site's page, with the agent at
/// `agent`.
pub fn link(page: &str, token: &str, agent: Option<&str>) -> String {
    let page = page.trim_end_matches('/');
    match agent {
        None => format!("{page}/#pair={token}"),
        Some(agent) => format!("{page}/#pair={token}&agent={agent}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_stays_until_it_is_renewed_and_a_code_works_once() {
        let folder = tempfile::tempdir().unwrap();
        let first = Secret::open(folder.path(), false).unwrap();
        assert_eq!(Secret::open(folder.path(), false).unwrap().lasting(), first.lasting());
        assert!(!files::is_open_to_others(&folder.path().join(FILE)).unwrap());
        let code = first.new_code().unwrap();
        assert_eq!(first.check(&code), Some(Shown::Once));
        assert_eq!(first.check(&code), None);
        assert_eq!(first.check(first.lasting()), Some(Shown::Lasting));
        assert_eq!(first.check(&first.lasting()[1..]), None);
        assert_eq!(first.check(""), None);
        let renewed = Secret::open(folder.path(), true).unwrap();
        assert_eq!(renewed.check(first.lasting()), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_secret_that_others_could_read_is_replaced() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let first = Secret::open(folder.path(), false).unwrap();
        let path = folder.path().join(FILE);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert_ne!(Secret::open(folder.path(), false).unwrap().lasting(), first.lasting());
        assert!(!files::is_open_to_others(&path).unwrap());
    }
}
