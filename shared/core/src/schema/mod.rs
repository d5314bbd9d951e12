//! From a record to a training example: which of the known shapes it has, and its turns.

mod chat;
mod chat_order;
mod content;
mod convert;
mod detect;
mod example;
mod instruction;
mod keys;
mod kind;
mod mapping;
mod preference;
mod row;
mod sharegpt;
mod tokenised;
mod tools;

pub use convert::{Converted, TokenCounts, convert};
pub use detect::detect;
pub use example::{Example, Role, Turn};
pub use kind::{Family, SchemaKind, markdown};
pub use mapping::{Mapping, MappingError, suggest_mapping};
