//! One thread frames the file, the others check batches. Partial results merge in any order to the same
//! report, so the number of threads never shows in the result.

use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;

use foretune_core::check::{CheckOptions, Checker, Partial};
use foretune_core::describe::DescribeContext;
use foretune_core::formats::{Batch, FormatError, Framer, Opened};
use foretune_core::source::ByteSource;

/// Batches that may wait for a worker: enough to keep it busy, little enough to bound memory.
const BATCHES_WAITING_PER_THREAD: usize = 2;

#[derive(Debug)]
pub struct CheckInput<'a> {
    pub options: &'a CheckOptions,
    pub context: DescribeContext<'a>,
    /// Threads that check, beside the one that frames when there are two or more.
    pub threads: usize,
}

/// Checks every record of an opened file. `progress` gets stored bytes read and rows framed so far.
pub fn run<S: ByteSource>(
    opened: Opened<S>,
    input: &CheckInput<'_>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Partial, FormatError> {
    let Opened { mut framer, parser, .. } = opened;
    let checker = || Checker::new(parser.clone(), input.options, input.context);
    if input.threads <= 1 {
        let mut checker = checker();
        frame(&mut framer, progress, &mut |batch| checker.push(&batch))?;
        return Ok(checker.into_partial());
    }
    thread::scope(|scope| {
        let (sender, receiver) = sync_channel::<Batch>(input.threads * BATCHES_WAITING_PER_THREAD);
        // Shared by the workers alone: when the last one is gone, sending fails instead of waiting for ever.
        let receiver = Arc::new(Mutex::new(receiver));
        let workers: Vec<_> = (0..input.threads)
            .map(|_| {
                let mut checker = checker();
                let receiver = Arc::clone(&receiver);
                scope.spawn(move || {
                    while let Some(batch) = next(&receiver) {
                        checker.push(&batch);
                    }
                    checker.into_partial()
                })
            })
            .collect();
        drop(receiver);
        let framed = frame(&mut framer, progress, &mut |batch| {
            // A send fails only when every worker has panicked; joining below passes that panic on.
            let _ = sender.send(batch);
        });
        drop(sender);
        let whole = workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .reduce(Partial::merge)
            .unwrap_or_else(|| Partial::new(input.options));
        framed.map(|()| whole)
    })
}

fn next(receiver: &Mutex<Receiver<Batch>>) -> Option<Batch> {
    receiver.lock().unwrap_or_else(std::sync::PoisonError::into_inner).recv().ok()
}

fn frame<S: ByteSource>(
    framer: &mut Framer<S>,
    progress: &mut dyn FnMut(u64, u64),
    push: &mut dyn FnMut(Batch),
) -> Result<(), FormatError> {
    let mut rows = 0;
    while let Some(batch) = framer.next_batch()? {
        rows += batch.len() as u64;
        push(batch);
        progress(framer.consumed_bytes(), rows);
    }
    Ok(())
}
