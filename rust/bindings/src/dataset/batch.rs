//! A batch in the making.

use std::mem;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use patchmill_core::Error;
use patchmill_core::dataset::Batch;
use patchmill_core::threads::pool;
use pyo3::prelude::*;

use crate::error::{make, to_python};
use crate::run::PATIENCE;

/// How long the end of an unfinished batch may keep its caller: many times what the items at hand take.
const FAREWELL: Duration = Duration::from_millis(20);

/// Batches that were given up while a thread was still busy with them, and what they must not outlive. They are
/// released by the next batch that begins or ends.
static ABANDONED: Mutex<Vec<(Batch, Lease)>> = Mutex::new(Vec::new());

/// Python objects whose memory a batch uses: the dataset and the output arrays.
pub(super) type Lease = Vec<Py<PyAny>>;

/// A batch that the threads of a pool are filling.
#[pyclass(name = "Batch", module = "patchmill._core", frozen)]
pub(crate) struct PyBatch {
    state: Mutex<State>,
    num_threads: usize,
}

/// Where a batch stands.
enum State {
    Running(Batch, Lease),
    Ended(Result<(), Error>),
}

impl PyBatch {
    /// A batch that has begun, and what its memory belongs to.
    pub(super) fn new(batch: Batch, lease: Lease, num_threads: usize) -> Self {
        release_abandoned();
        Self { state: Mutex::new(State::Running(batch, lease)), num_threads }
    }
}

#[pymethods]
impl PyBatch {
    /// Waits until the batch is done.
    fn wait(&self, py: Python<'_>) -> PyResult<()> {
        let Ok(mut state) = self.state.try_lock() else {
            return Err(make("InternalError", "batch: expected one thread to wait for it, got two."));
        };
        if let State::Running(batch, _) = &mut *state {
            if batch.is_orphaned() {
                let pool = py.detach(|| pool(self.num_threads)).map_err(|error| to_python(&error))?;
                // SAFETY: this process has its own copy of the buffers, and the lease still holds them.
                *batch = unsafe { batch.submit_again(&pool) };
            }
            let outcome = loop {
                if let Some(outcome) = py.detach(|| batch.wait(PATIENCE)) {
                    break outcome;
                }
                py.check_signals()?;
            };
            *state = State::Ended(outcome);
        }
        match &*state {
            State::Ended(Err(error)) => Err(to_python(error)),
            _ => Ok(()),
        }
    }
}

impl Drop for PyBatch {
    fn drop(&mut self) {
        release_abandoned();
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        let State::Running(batch, lease) = mem::replace(state, State::Ended(Ok(()))) else { return };
        // A child has no thread that could still write.
        if batch.is_orphaned() {
            return;
        }
        batch.cancel();
        // The threads never wait for the GIL, so to wait for them with it in hand is safe.
        if batch.wait(FAREWELL).is_none() {
            // Whatever became of the lock: a lease that ends before its batch would be memory freed under a thread.
            ABANDONED.lock().unwrap_or_else(PoisonError::into_inner).push((batch, lease));
        }
    }
}

/// Lets go of what finished batches held. Called with the GIL, which dropping Python objects needs.
fn release_abandoned() {
    // The lock is never waited for: a forked child's copy of it may be closed for ever.
    let Ok(mut abandoned) = ABANDONED.try_lock() else { return };
    if abandoned.is_empty() {
        return;
    }
    let is_busy = |(batch, _): &(Batch, Lease)| !batch.is_orphaned() && batch.wait(Duration::ZERO).is_none();
    let (busy, done): (Vec<_>, Vec<_>) = mem::take(&mut *abandoned).into_iter().partition(is_busy);
    *abandoned = busy;
    // Dropped last: Python may run anything when an object goes, even this function.
    drop(abandoned);
    drop(done);
}
