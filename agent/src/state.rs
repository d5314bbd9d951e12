//! Where the daemon keeps what it must not forget.

use std::path::PathBuf;

use anyhow::{Result, anyhow};

/// The folder given, that of `XDG_STATE_HOME`, or the usual place in the home folder.
pub fn folder(given: Option<&PathBuf>) -> Result<PathBuf> {
    if let Some(given) = given {
        return Ok(crate::files::absolute(given)?);
    }
    let of = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = of("XDG_STATE_HOME")
        .filter(|path| path.is_absolute())
        .or_else(|| of("HOME").map(|home| home.join(".local/state")))
        .or_else(|| of("LOCALAPPDATA"));
    let base =
        base.ok_or_else(|| anyhow!("neither XDG_STATE_HOME nor HOME is set; name a folder with --state"))?;
    Ok(base.join("foretune"))
}
