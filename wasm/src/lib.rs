//! WebAssembly face of the shared crates: thin, no logic of its own.
