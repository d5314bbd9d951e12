//! What `foretune --version` tells: enough to say of two binaries whether they would compute the same.

use std::fmt::Write as _;

use crate::commands::forecast::shipped_predictor_hash;
use crate::weights::{ModelFolder, TINY};
use crate::{devices, server};

pub fn text() -> String {
    let mut lines = format!("foretune {}", env!("CARGO_PKG_VERSION"));
    let mut add = |name: &str, value: &str| write!(lines, "\n{name:9} {value}").expect("writing to a string");
    // Set by `just dist`; a build by hand may be of anything.
    add("commit", option_env!("FORETUNE_COMMIT").unwrap_or("unknown"));
    let profile = if cfg!(debug_assertions) { "development" } else { "release" };
    add("build", &format!("{profile}, {}-{}", std::env::consts::ARCH, std::env::consts::OS));
    add("features", if cfg!(feature = "cuda") { "cuda" } else { "cpu only" });
    add("processor", devices::instructions());
    add("candle", &format!("{}, gemm {}", env!("FORETUNE_CANDLE"), env!("FORETUNE_GEMM")));
    add("page", &server::page_digest().unwrap_or_else(|| "none".to_owned()));
    let tiny = ModelFolder::open(TINY).and_then(|model| model.fingerprint(&model.weights()?));
    add("predictor", &shipped_predictor_hash());
    add("model", &tiny.map_or_else(|error| format!("{error:#}"), |hash| format!("{TINY} {hash:016x}")));
    lines
}

#[cfg(test)]
mod tests {
    use foretune_core::links::predictor_hash;

    use super::*;
    use crate::files;

    #[test]
    fn everything_that_decides_about_results_is_named() {
        let text = text();
        for name in ["commit", "build", "features", "processor", "candle", "page", "predictor", "model"] {
            let line = text.lines().find(|line| line.starts_with(&format!("{name} ")));
            let value = line.unwrap_or_else(|| panic!("{name}: {text}")).split_whitespace().nth(1);
            assert!(value.is_some_and(|value| value != "error:"), "{name}: {text}");
        }
        let predictor = files::read("../lab/predictors/tiny-exact-match.onnx".as_ref()).unwrap();
        assert!(text.contains(&predictor_hash(&predictor)), "{text}");
    }
}
