//! The threads that work: pools of our own, one for each number of threads, made when first needed and made again
//! after a fork.

use std::collections::HashMap;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::{Error, Result};

/// The pools of one process.
struct Pools {
    process: u32,
    by_size: Mutex<HashMap<usize, Arc<ThreadPool>>>,
}

/// The pools of this process or, in a child that has not asked for one yet, those of its parent. Null at first.
static POOLS: AtomicPtr<Pools> = AtomicPtr::new(ptr::null_mut());

/// The pool of a number of threads.
///
/// A forked child has none of its parent's threads, and its copy of the parent's locks may be closed for ever. So it
/// makes pools of its own and leaves the parent's untouched: they are never freed, because that would join threads that
/// are not there.
///
/// # Errors
///
/// If the system gives no threads.
pub fn pool(num_threads: usize) -> Result<Arc<ThreadPool>> {
    let pools = pools_of_this_process();
    let mut by_size = pools.by_size.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(pool) = by_size.get(&num_threads) {
        return Ok(Arc::clone(pool));
    }
    let pool = ThreadPoolBuilder::new()
        .num_threads(num_threads)
        .thread_name(|i| format!("patchmill-{i}"))
        .build()
        .map_err(|error| Error::Threads { num_threads, reason: error.to_string() })?;
    Ok(Arc::clone(by_size.entry(num_threads).or_insert(Arc::new(pool))))
}

fn pools_of_this_process() -> &'static Pools {
    let process = std::process::id();
    loop {
        let current = POOLS.load(Ordering::Acquire);
        // SAFETY: what `POOLS` points to is leaked below and never freed.
        if let Some(pools) = unsafe { current.as_ref() }
            && pools.process == process
        {
            return pools;
        }
        let fresh = Box::into_raw(Box::new(Pools { process, by_size: Mutex::default() }));
        if POOLS.compare_exchange(current, fresh, Ordering::AcqRel, Ordering::Acquire).is_err() {
            // SAFETY: another thread was faster, so nobody but us has seen `fresh`.
            drop(unsafe { Box::from_raw(fresh) });
        }
    }
}
