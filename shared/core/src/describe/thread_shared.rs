//! What may be lent to several workers at once. Natively these are threads; wasm has none, and a function
//! of JavaScript could not be `Sync` anyway.

#[cfg(not(target_arch = "wasm32"))]
pub trait ThreadShared: Sync {}
#[cfg(not(target_arch = "wasm32"))]
impl<T: Sync + ?Sized> ThreadShared for T {}

#[cfg(target_arch = "wasm32")]
pub trait ThreadShared {}
#[cfg(target_arch = "wasm32")]
impl<T: ?Sized> ThreadShared for T {}
