//! The threads that work: pools of our own, one for each number of threads, made when first needed and made again
//! after a fork.

use std::collections::HashMap;
use std::ptr;
#[cfg(unix)]
use std::sync::atomic::AtomicBool;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::{Error, Result};

/// A process, told apart from those that it is a fork of.
///
/// Its number alone does not do: numbers come round again, and the first process of every container has the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    id: u32,
    n_forks: u64,
}

/// How many forks lie between this process and the one that loaded this library.
static N_FORKS: AtomicU64 = AtomicU64::new(0);

impl Process {
    /// This process.
    pub fn current() -> Self {
        count_forks();
        Self { id: std::process::id(), n_forks: N_FORKS.load(Ordering::Relaxed) }
    }
}

/// Has forks counted from now on.
fn count_forks() {
    #[cfg(unix)]
    {
        static IS_COUNTING: AtomicBool = AtomicBool::new(false);
        extern "C" fn in_child() {
            N_FORKS.fetch_add(1, Ordering::Relaxed);
        }
        if !IS_COUNTING.load(Ordering::Relaxed) && !IS_COUNTING.swap(true, Ordering::Relaxed) {
            // SAFETY: in the child, the handler adds to an atomic number and does nothing else.
            unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
        }
    }
}

/// The pools of one process.
struct Pools {
    process: Process,
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
    let process = Process::current();
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

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_child_is_another_process_even_under_the_same_number() {
        let parent = Process::current();
        // SAFETY: the child does nothing but compare and end, so that nothing is asked of threads that it lacks.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let same_number = Process { id: parent.id, ..Process::current() };
            // SAFETY: it ends the child.
            unsafe { libc::_exit(i32::from(same_number == parent)) };
        }
        let mut status = -1;
        // SAFETY: there is room for the status.
        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        assert_eq!(status, 0);
        assert_eq!(Process::current(), parent);
    }
}
