//! Where results are written: never over what they are made from, never two in one place.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::files;

/// A flag that names a file to be written, and what it names.
pub type Output<'a> = (&'static str, Option<&'a Path>);

/// Refuses before any work is done. Folders among the inputs stand for the files in them. A device takes everything.
pub fn keep_apart<'a>(inputs: impl IntoIterator<Item = &'a PathBuf>, outputs: &[Output<'_>]) -> Result<()> {
    let mut read = Vec::new();
    for input in inputs {
        if files::is_folder(input) {
            read.extend(files::list(input)?);
        } else {
            read.push(input.clone());
        }
    }
    let outputs: Vec<(&str, &Path)> = outputs
        .iter()
        .filter_map(|(flag, path)| Some((*flag, (*path)?)))
        .filter(|(_, path)| !files::is_device(path))
        .collect();
    for (index, (flag, path)) in outputs.iter().enumerate() {
        if let Some(input) = read.iter().find(|input| files::is_same(input, path)) {
            bail!(
                "{flag} {}: this would overwrite {}, which is read; give another name",
                path.display(),
                input.display()
            );
        }
        if let Some((other, _)) = outputs[..index].iter().find(|(_, before)| files::is_same(before, path)) {
            bail!("{flag} {}: {other} writes there too; give another name", path.display());
        }
    }
    Ok(())
}
