//! The `foretune` binary: command line and daemon.

fn main() {}
