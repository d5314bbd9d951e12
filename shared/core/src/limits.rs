//! Every bound on outside input, in one place; the documentation's table of limits is made from here.

/// One record (a JSON element, a line, a CSV row). Longer ones are skipped and reported.
pub const MAX_RECORD_BYTES: usize = 64 << 20;
/// Nesting of JSON values inside one record.
pub const MAX_JSON_DEPTH: usize = 128;
/// Columns of a CSV file or keys of one object.
pub const MAX_KEYS: usize = 4096;
/// A compressed stream may not grow by more than this factor once it is past the free allowance.
pub const MAX_EXPANSION_RATIO: u64 = 1000;
/// Decompressed bytes that are always allowed, whatever the ratio.
pub const FREE_EXPANSION_BYTES: u64 = 64 << 20;
/// A compressed Parquet or Arrow file has to be held whole, because its directory stands at the end.
pub const MAX_BUFFERED_COLUMNAR_BYTES: u64 = 512 << 20;
/// Bytes of one text that the descriptors keep for the sample rows.
pub const MAX_SAMPLE_TEXT_BYTES: usize = 8 << 10;
/// Findings listed one by one for each code; the rest are counted ("and N more").
pub const MAX_LISTED_FINDINGS: usize = 100;
/// Characters of file content that one finding quotes.
pub const MAX_EXCERPT_CHARS: usize = 160;
/// Bytes of raw records handed to a worker at a time.
pub const BATCH_BYTES: usize = 1 << 20;
/// Groups of duplicates, conflicts, overlaps and labels that a description lists.
pub const MAX_REPORTED_GROUPS: usize = 100;
/// Bytes of decoded text that format recognition may look at.
pub const SNIFF_BYTES: usize = 64 << 10;
/// How far a scanner may look ahead to judge a line break inside a string.
pub const LOOKAHEAD_BYTES: usize = 256;
/// A file with more unclosed quotes than this is read on with quotes as plain characters.
pub const MAX_QUOTE_RECOVERIES: u32 = 64;
/// Problems reported for one record; a hostile row must not grow the report without bound.
pub const MAX_PROBLEMS_PER_RECORD: usize = 64;
/// A zstd frame may not ask for a larger window than this (the format allows terabytes).
pub const MAX_ZSTD_WINDOW_BYTES: u64 = 128 << 20;
/// Columns named in a finding about a file without a known shape.
pub const MAX_REPORTED_COLUMNS: usize = 32;
/// Hashes of written rows that the cleaned copy remembers to leave out later copies (9 bytes each, about 300 MB).
pub const MAX_CLEAN_HASHES: usize = 20_000_000;
/// Bytes of a file of which `forecast` describes a mended copy unasked, to tell what mending would bring.
pub const MAX_UNASKED_COPY_BYTES: u64 = 128 << 20;
/// Bytes of an answer that the label table shows; longer answers are not labels.
pub const MAX_LABEL_BYTES: usize = 64;
/// One message's description in an Arrow file.
pub const MAX_ARROW_METADATA_BYTES: usize = 64 << 20;
/// Different rows, and different prompts, that are told apart exactly; beyond that a sample of them stands for all.
pub const MAX_TRACKED_ROWS: usize = 229_375;
/// Different rows whose MinHash signatures are kept.
pub const MAX_TRACKED_SIGNATURES: usize = 57_343;
/// Different answers counted exactly.
pub const MAX_TRACKED_ANSWERS: usize = 57_343;
/// Different words counted exactly; beyond that the vocabulary is an estimate within about 2 %.
pub const MAX_TRACKED_WORDS: usize = 7_167;
/// Rows, and bytes of their texts, on which the expensive descriptors are measured.
pub const MAX_SAMPLE_ROWS: usize = 4096;
pub const MAX_SAMPLE_BYTES: usize = 2 << 20;
/// Evaluation rows on which simple rules are tried.
pub const MAX_SAMPLE_EVAL_ROWS: usize = 1024;
/// Different evaluation prompts that training rows are compared with.
pub const MAX_TRACKED_EVAL_ROWS: usize = 57_343;
/// Rows of a file that are set aside as evaluation rows.
pub const MAX_SET_ASIDE_ROWS: usize = 5000;
/// A text that is read whole where nothing less is said: a trace, run records, packed ones once they are unpacked.
pub const MAX_WHOLE_FILE_BYTES: u64 = 1 << 30;
/// One predictor file. The largest sensible one (thousands of trees) is below a tenth of this.
pub const MAX_ONNX_BYTES: usize = 32 << 20;
/// Nodes, constants or inputs of an ONNX graph; attributes of one of its nodes.
pub const MAX_ONNX_ITEMS: usize = 4096;
pub const MAX_ONNX_ATTRIBUTES: usize = 64;
/// Numbers in one list or tensor of an ONNX file, and nodes of all its trees together.
pub const MAX_ONNX_ELEMENTS: usize = 2 << 20;
/// Parts of all scores that the nodes of an ONNX graph make, copies counted: each choice between states of knowledge
/// copies what it chooses between.
pub const MAX_SCORE_PARTS: usize = 6 << 20;
/// Numbers that all nodes together read and give in the second engine, for one batch of rows.
pub const MAX_ENGINE_ELEMENTS: usize = 32 << 20;
/// Features that a predictor may read.
pub const MAX_MODEL_FEATURES: usize = 4096;
/// Sums that a predictor may choose between, and choices on the way to one.
pub const MAX_MODEL_STAGES: usize = 64;
/// Splits between the root of a tree and its deepest leaf.
pub const MAX_TREE_DEPTH: usize = 512;
/// Operations that one column of a linear part may take; shared values count each time.
pub const MAX_COLUMN_OPERATIONS: usize = 256;
/// A model's configuration, the index of its files, or what the cache notes of it.
pub const MAX_MODEL_TEXT_BYTES: u64 = 256 << 20;
/// Layers of a model, and the width of any of its parts.
pub const MAX_MODEL_LAYERS: usize = 512;
pub const MAX_MODEL_WIDTH: usize = 1 << 20;
/// The header of a safetensors file, and the tensors that it names.
pub const MAX_SAFETENSORS_HEADER_BYTES: u64 = 100 << 20;
pub const MAX_TENSORS: usize = 1 << 20;
/// What a hub answers beside files, and how often it may send the question elsewhere.
pub const MAX_HUB_ANSWER_BYTES: u64 = 64 << 20;
pub const MAX_HUB_REDIRECTS: usize = 8;
/// One `tokenizer.json`; the largest known one has half of this. Nesting of its values.
pub const MAX_TOKENIZER_BYTES: usize = 64 << 20;
pub const MAX_TOKENIZER_DEPTH: usize = 16;
/// Pieces of a tokenizer and the highest of their numbers; merges. The largest known one has a quarter of each.
pub const MAX_TOKENIZER_PIECES: usize = 1 << 20;
pub const MAX_TOKENIZER_MERGES: usize = 2 << 20;
/// Bytes of one piece of a tokenizer, and of one of its patterns.
pub const MAX_PIECE_BYTES: usize = 4 << 10;
pub const MAX_PATTERN_BYTES: usize = 16 << 10;
/// Characters of a word that a tokenizer takes apart piece by piece; the time grows with their square.
pub const MAX_WORD_CHARS: usize = 1000;
/// Steps of a tokenizer before, behind and around its model, and by how much all of them may lengthen a text.
pub const MAX_TOKENIZER_STEPS: usize = 32;
pub const MAX_TOKENIZER_GROWTH: usize = 1024;
/// Runs that a predictor is fitted on.
pub const MAX_RUNS: usize = 200_000;
/// Readings of one trace file.
pub const MAX_TRACE_READINGS: usize = 100_000;
/// Readings of one run.
pub const MAX_READINGS: usize = 64;
/// One message to the agent; larger data comes in parts.
pub const MAX_CLIENT_MESSAGE_BYTES: usize = 1 << 20;
/// One message of the agent; a longer report is cut before it is sent.
pub const MAX_SERVER_MESSAGE_BYTES: usize = 16 << 20;
/// One data set that a page hands over: the rows of a sample.
pub const MAX_UPLOAD_BYTES: u64 = 64 << 20;
/// Everything that was handed over and is still kept.
pub const MAX_KEPT_UPLOAD_BYTES: u64 = 2 << 30;
/// Uploads that one client may have begun and not finished.
pub const MAX_OPEN_UPLOADS: usize = 4;
/// Jobs that wait.
pub const MAX_QUEUED_JOBS: usize = 16;
/// Finished jobs that are kept; the oldest go first, the pinned one never.
pub const MAX_KEPT_JOBS: usize = 1000;
/// Jobs in one answer.
pub const MAX_LISTED_JOBS: usize = 200;
/// Events of one job; later ones that say how far it is are dropped, its end is not.
pub const MAX_JOB_EVENTS: u64 = 200_000;
/// Starts of one job: what takes the agent down with it is not tried for ever.
pub const MAX_JOB_ATTEMPTS: u32 = 5;
/// Bytes of one line that a job logs, and of one name or path in a message.
pub const MAX_LOG_BYTES: usize = 4 << 10;
pub const MAX_NAME_BYTES: usize = 4 << 10;
/// What a refusal quotes.
pub const MAX_REFUSAL_BYTES: usize = 1000;
/// Connections at a time, and jobs that one of them follows.
pub const MAX_CLIENTS: usize = 256;
pub const MAX_SUBSCRIPTIONS: usize = 16;
/// Events read from the log for one client at a time.
pub const REPLAY_EVENTS: usize = 256;
/// Milliseconds between the connection and its first message.
pub const HELLO_DEADLINE_MS: u64 = 10_000;
/// Wrong secrets from one origin within this time; then none is looked at until it has passed.
pub const MAX_WRONG_SECRETS: usize = 10;
pub const WRONG_SECRETS_MS: u64 = 60_000;
/// Origins whose wrong secrets are counted apart; only those that the guard let in get so far.
pub const MAX_GUESSING_ORIGINS: usize = 64;
/// Milliseconds between pings, and without a sign of life before a client is let go.
pub const PING_MS: u64 = 15_000;
pub const SILENCE_MS: u64 = 60_000;
/// Characters of a link behind the address: what messengers, mail and QR codes still carry whole.
pub const MAX_LINK_CHARS: usize = 2000;
/// What a link may unpack to.
pub const MAX_LINK_BYTES: usize = 16 << 10;
/// Feature values in a link.
pub const MAX_LINK_VALUES: usize = 1024;
/// Bytes of a name in a link.
pub const MAX_LINK_NAME_BYTES: usize = 120;
/// Rows and bytes of one table of models or scores; the largest known has 43,008 rows.
pub const MAX_TABLE_ROWS: usize = 2_000_000;
pub const MAX_TABLE_BYTES: usize = 256 << 20;
/// One log of another training program.
pub const MAX_IMPORT_BYTES: usize = 256 << 20;
/// Steps of one imported run, and runs of one log.
pub const MAX_IMPORT_STEPS: usize = 1_000_000;
pub const MAX_IMPORT_RUNS: usize = 1000;
