//! What threads of the hub share: the standard library's, or for `interleavings.rs` a scheduler's that draws their order.

#[cfg(feature = "interleavings")]
pub use shuttle::{sync::Mutex, sync::MutexGuard, sync::atomic, thread};
#[cfg(not(feature = "interleavings"))]
pub use std::{sync::Mutex, sync::MutexGuard, sync::atomic, thread};
