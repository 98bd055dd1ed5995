//! A batch in the making: items filled into the caller's buffers by the threads of a pool, in the background.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use rayon::ThreadPool;

use super::{Item, ItemBuffers, ItemDraw, Paired, PatchDataset};
use crate::error::{Error, Result};
use crate::transforms::Ahead;

/// How many tasks a thread gets of one batch: enough to even out, few enough to cost nothing.
const TASKS_PER_THREAD: usize = 4;

/// The memory that a batch goes to, with the axes B, C, Z, Y, X. It belongs to somebody else.
#[derive(Debug, Clone, Copy)]
pub enum BatchBuffers {
    /// Patches.
    Patch(*mut f32),
    /// Inputs and targets.
    Pair {
        /// The inputs.
        input: *mut f32,
        /// The targets.
        target: *mut f32,
    },
    /// Noise2Void's three.
    Masked {
        /// Patches with their masked pixels replaced.
        masked: *mut f32,
        /// The patches.
        original: *mut f32,
        /// The masks.
        mask: *mut u8,
    },
}

// SAFETY: the pointers are only written through by `Batch`, whose constructor's caller vouches for them.
unsafe impl Send for BatchBuffers {}
// SAFETY: as above; every item's part is written by one thread.
unsafe impl Sync for BatchBuffers {}

/// What a batch consists of. Nothing of it changes once work has begun.
#[derive(Debug)]
struct Request {
    dataset: Arc<PatchDataset>,
    seed: u64,
    items: Vec<Item>,
    buffers: BatchBuffers,
}

/// A batch that the threads of a pool are filling.
#[derive(Debug)]
pub struct Batch {
    request: Arc<Request>,
    progress: Arc<Progress>,
    process: u32,
}

#[derive(Debug)]
struct Progress {
    n_tasks_left: AtomicUsize,
    is_cancelled: AtomicBool,
    outcome: Mutex<Option<Result<()>>>,
    done: Condvar,
}

impl Batch {
    /// Begins to fill `buffers` with items.
    ///
    /// # Panics
    ///
    /// If the buffers are of another kind than the dataset's items, or an item does not exist.
    ///
    /// # Safety
    ///
    /// Each buffer must have room for all of the items, and nobody may read or write it, nor free it, before
    /// [`wait`](Self::wait) has returned an outcome.
    pub unsafe fn submit(
        pool: &ThreadPool,
        dataset: Arc<PatchDataset>,
        seed: u64,
        items: Vec<Item>,
        buffers: BatchBuffers,
    ) -> Self {
        assert!(matches!(
            (dataset.paired(), buffers),
            (Paired::Nothing, BatchBuffers::Patch(_))
                | (Paired::Targets(..), BatchBuffers::Pair { .. })
                | (Paired::Masks(_), BatchBuffers::Masked { .. })
        ));
        assert!(items.iter().all(|item| item.index < dataset.n_items()));
        Self::start(pool, Arc::new(Request { dataset, seed, items, buffers }))
    }

    /// The same batch begun again, for a forked child that has none of the threads that were filling it.
    ///
    /// # Safety
    ///
    /// As for [`submit`](Self::submit); and the process that began it must be another one.
    #[must_use]
    pub unsafe fn submit_again(&self, pool: &ThreadPool) -> Self {
        Self::start(pool, Arc::clone(&self.request))
    }

    /// Whether another process, of which this one is a fork, began the batch: it will never be done here.
    pub fn is_orphaned(&self) -> bool {
        self.process != std::process::id()
    }

    fn start(pool: &ThreadPool, request: Arc<Request>) -> Self {
        let n_items = request.items.len();
        let n_tasks = n_items.min(pool.current_num_threads() * TASKS_PER_THREAD);
        let progress = Arc::new(Progress {
            n_tasks_left: AtomicUsize::new(n_tasks),
            is_cancelled: AtomicBool::new(false),
            outcome: Mutex::new((n_tasks == 0).then_some(Ok(()))),
            done: Condvar::new(),
        });
        for task in 0..n_tasks {
            let (request, progress) = (Arc::clone(&request), Arc::clone(&progress));
            // First in, first out: the batch that is waited for is the oldest.
            pool.spawn_fifo(move || {
                let range = task * n_items / n_tasks..(task + 1) * n_items / n_tasks;
                let outcome = catch_unwind(AssertUnwindSafe(|| request.fill(range, &progress.is_cancelled)));
                progress.finish_task(outcome.unwrap_or_else(|panic| Err(Error::from_panic(&*panic))));
            });
        }
        Self { request, progress, process: std::process::id() }
    }

    /// Waits until the batch is done, at most for a time, and says how it ended, or None if it has not.
    pub fn wait(&self, at_most: Duration) -> Option<Result<()>> {
        let outcome = self.progress.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        let is_running = |outcome: &mut Option<Result<()>>| {
            outcome.is_none() || self.progress.n_tasks_left.load(Ordering::Acquire) > 0
        };
        let (outcome, waited) =
            self.progress.done.wait_timeout_while(outcome, at_most, is_running).unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() { None } else { outcome.clone() }
    }

    /// Asks the threads to leave the rest of the batch. They end with the item at hand.
    pub fn cancel(&self) {
        self.progress.is_cancelled.store(true, Ordering::Relaxed);
    }
}

impl Progress {
    /// Counts a task as done. The first failure is the batch's.
    fn finish_task(&self, result: Result<()>) {
        let mut outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        if result.is_err() {
            self.is_cancelled.store(true, Ordering::Relaxed);
            outcome.get_or_insert(result);
        }
        if self.n_tasks_left.fetch_sub(1, Ordering::AcqRel) == 1 {
            outcome.get_or_insert(Ok(()));
            self.done.notify_all();
        }
    }
}

impl Request {
    fn fill(&self, range: std::ops::Range<usize>, is_cancelled: &AtomicBool) -> Result<()> {
        let draws: Vec<_> = range.map(|place| (place, self.dataset.draw_item(self.seed, self.items[place]))).collect();
        let strips = |&(place, draw): &(usize, ItemDraw)| self.dataset.strips(draw, self.buffers_of(place));
        let mut strips = draws.iter().flat_map(strips);
        let mut ahead = Ahead::new(&mut strips);
        for &(place, draw) in &draws {
            if is_cancelled.load(Ordering::Relaxed) {
                return Err(Error::Cancelled);
            }
            self.dataset.item_into(self.seed, self.items[place], draw, self.item_buffers(place), &mut ahead);
        }
        Ok(())
    }

    fn buffers_of(&self, place: usize) -> BatchBuffers {
        let n_pixels: usize = self.dataset.patch_size().iter().product();
        let n = n_pixels * self.dataset.n_channels();
        match self.buffers {
            BatchBuffers::Patch(patch) => BatchBuffers::Patch(patch.wrapping_add(place * n)),
            BatchBuffers::Pair { input, target } => {
                let Paired::Targets(_, target_affines) = self.dataset.paired() else { unreachable!() };
                BatchBuffers::Pair {
                    input: input.wrapping_add(place * n),
                    target: target.wrapping_add(place * n_pixels * target_affines.len()),
                }
            }
            BatchBuffers::Masked { masked, original, mask } => BatchBuffers::Masked {
                masked: masked.wrapping_add(place * n),
                original: original.wrapping_add(place * n),
                mask: mask.wrapping_add(place * n),
            },
        }
    }

    /// The part of the buffers that belongs to an item.
    fn item_buffers(&self, place: usize) -> ItemBuffers<'_> {
        let n_pixels: usize = self.dataset.patch_size().iter().product();
        let n_input = n_pixels * self.dataset.n_channels();
        // SAFETY: `submit`'s caller vouches for room for all items and against other readers and writers; every place
        // belongs to one task.
        unsafe {
            match self.buffers {
                BatchBuffers::Patch(patch) => ItemBuffers::Patch(part(patch, place, n_input)),
                BatchBuffers::Pair { input, target } => {
                    let Paired::Targets(_, target_affines) = self.dataset.paired() else {
                        unreachable!("checked by `submit`")
                    };
                    ItemBuffers::Pair {
                        input: part(input, place, n_input),
                        target: part(target, place, n_pixels * target_affines.len()),
                    }
                }
                BatchBuffers::Masked { masked, original, mask } => ItemBuffers::Masked {
                    masked: part(masked, place, n_input),
                    original: part(original, place, n_input),
                    mask: part(mask, place, n_input),
                },
            }
        }
    }
}

/// # Safety
///
/// `buffer` must have room for `place + 1` parts, and nobody else may use the part while it lives.
unsafe fn part<'a, T>(buffer: *mut T, place: usize, length: usize) -> &'a mut [T] {
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts_mut(buffer.add(place * length), length) }
}
