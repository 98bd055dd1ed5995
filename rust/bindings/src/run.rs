//! The one door out of Python: work runs on patchmill's threads without the GIL, and Ctrl-C is heard meanwhile.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

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
            *result.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
            done.notify_all();
        });
        // The scope itself waits for the work, however this loop ends.
        loop {
            let is_done = py.detach(|| {
                let result = result.lock().unwrap_or_else(PoisonError::into_inner);
                let (result, _) = done
                    .wait_timeout_while(result, PATIENCE, |result| result.is_none())
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
