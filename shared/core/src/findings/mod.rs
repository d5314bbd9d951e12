//! What is wrong with a dataset: one registry of codes, and the collector that counts and lists them.
