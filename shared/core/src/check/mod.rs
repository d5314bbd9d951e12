//! The whole check of one file: frames, rows, findings, descriptors, report.
