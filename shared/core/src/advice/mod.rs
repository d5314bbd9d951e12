//! What to do about it: the verdict line, cost and time, the ten-point preflight, the cleaned copy, the report to
//! keep. Everything from the report of the check and the recipe; nothing is measured here.

mod clean;
mod cost;
mod export;
mod html;
mod models;
mod preflight;
mod recipe;
mod verdict;

pub use clean::{ChangeCount, ChangeList, CleanOptions, Cleaner, FIXES, RowFate};
pub use cost::{CostEstimate, CostTable, Gpu, GpuCost, ServiceCost, ServicePrice, default_epochs, estimate};
pub use export::ReportExport;
pub use html::html_report;
pub use models::{BASE_MODELS, BaseModel, base_model};
pub use preflight::{Point, Status, preflight};
pub use recipe::{Method, Recipe};
pub use verdict::verdict_line;
