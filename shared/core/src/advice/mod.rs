//! What to do about it: cost, preflight, fixes, report.
