//! The one door out of Python: work runs on patchmill's threads without the GIL, and Ctrl-C is heard meanwhile.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use patchmill_core::{Error, Result, threads};
use pyo3::prelude::*;

use crate::error::to_python;

/// How long Python's signal handlers may have to wait.
pub(crate) const PATIENCE: Duration = Duration::from_millis(50);

/// The number of threads where nobody says one: the cores that this process may run on.
#[pyfunction]
pub(crate) fn default_num_threads() -> usize {
    std::thread::available_parallelism().map_or(1, Into::into)
}

/// Runs `work` on the pool of `num_threads` threads. It is handed a flag that is set when it should stop.
pub(crate) fn run<T: Send>(
    py: Python<'_>,
    num_threads: usize,
    work: impl FnOnce(&AtomicBool) -> Result<T> + Send,
) -> PyResult<T> {
    let pool = py.detach(|| threads::pool(num_threads)).map_err(|error| to_python(&error))?;
    let is_cancelled = AtomicBool::new(false);
    let result = Mutex::new(None);
    let done = Condvar::new();
    let interrupted = pool.in_place_scope(|scope| {
        scope.spawn(|_| {
            let outcome = catch_unwind(AssertUnwindSafe(|| work(&is_cancelled)));
            *lock(&result) = Some(outcome);
            done.notify_all();
        });
        // The scope itself waits for the work, however this loop ends.
        loop {
            let is_done = py.detach(|| {
                let (result, _) = done
                    .wait_timeout_while(lock(&result), PATIENCE, |result| result.is_none())
                    .unwrap_or_else(PoisonError::into_inner);
                result.is_some()
            });
            if is_done {
                return Ok(());
            }
            if let Err(signal) = py.check_signals() {
                is_cancelled.store(true, Ordering::Relaxed);
                return Err(signal);
            }
        }
    });
    interrupted?;
    match result.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(Ok(result)) => result.map_err(|error| to_python(&error)),
        Some(Err(panic)) => Err(to_python(&Error::from_panic(&*panic))),
        None => unreachable!("the loop ends without a signal only when there is a result"),
    }
}

/// Runs `work` on each of `items`, on the calling thread and, as soon as they have woken up, on `num_threads - 1` of a
/// pool: one that sleeps takes longer to wake than a patch takes to make.
pub(crate) fn run_each<T: Send>(
    py: Python<'_>,
    num_threads: usize,
    items: impl ExactSizeIterator<Item = T> + Send,
    work: impl Fn(T) -> Result<()> + Sync,
) -> PyResult<()> {
    let n_helpers = num_threads.min(items.len()).saturating_sub(1);
    let items = Mutex::new(items.fuse());
    let failure = Mutex::new(None);
    let is_cancelled = AtomicBool::new(false);
    // Does the next item, unless there is none.
    let step = || {
        let item = lock(&items).next().filter(|_| !is_cancelled.load(Ordering::Relaxed))?;
        let outcome = catch_unwind(AssertUnwindSafe(|| work(item)));
        if let Err(error) = outcome.unwrap_or_else(|panic| Err(Error::from_panic(&*panic))) {
            is_cancelled.store(true, Ordering::Relaxed);
            lock(&failure).get_or_insert(error);
        }
        Some(())
    };
    let lead = || {
        let mut heard = Instant::now();
        while step().is_some() {
            if heard.elapsed() > PATIENCE {
                Python::attach(|py| py.check_signals().inspect_err(|_| is_cancelled.store(true, Ordering::Relaxed)))?;
                heard = Instant::now();
            }
        }
        PyResult::Ok(())
    };
    py.detach(|| {
        if n_helpers == 0 {
            return lead();
        }
        let pool = threads::pool(num_threads - 1).map_err(|error| to_python(&error))?;
        pool.in_place_scope(|scope| {
            for _ in 0..n_helpers {
                scope.spawn(|_| while step().is_some() {});
            }
            lead()
        })
    })?;
    failure.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), |error| Err(to_python(&error)))
}

/// Locks, whatever has panicked.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
