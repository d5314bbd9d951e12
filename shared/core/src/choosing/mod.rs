//! Choosing models before paying: learning curves, checkpoints, small models for large ones.
