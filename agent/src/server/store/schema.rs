//! Tables of the daemon's memory. A version is a step from the one before; steps are never changed, only added.

/// Step N brings a database of version N to version N + 1.
pub const STEPS: [&str; 1] = ["
    CREATE TABLE jobs (
        job INTEGER PRIMARY KEY AUTOINCREMENT,
        title TEXT NOT NULL,
        spec TEXT NOT NULL,
        state TEXT NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        wish TEXT,
        created_ms INTEGER NOT NULL,
        started_ms INTEGER,
        ended_ms INTEGER,
        last_seq INTEGER NOT NULL DEFAULT 0,
        done INTEGER NOT NULL DEFAULT 0,
        total INTEGER,
        score REAL,
        error TEXT
    ) STRICT;
    CREATE TABLE events (
        job INTEGER NOT NULL REFERENCES jobs (job) ON DELETE CASCADE,
        seq INTEGER NOT NULL,
        time_ms INTEGER NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (job, seq)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
"];
