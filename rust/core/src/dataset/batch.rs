//! A batch in the making: items filled into the caller's buffers by the threads of a pool, in the background.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use rayon::ThreadPool;

use super::{BatchBuffers, Item, ItemDraw, Paired, PatchDataset};
use crate::error::{Error, Result};
use crate::sources::ask_for_pages;
use crate::threads::Process;
use crate::transforms::Ahead;

/// How many tasks a thread gets of one batch: enough to even out, few enough to cost nothing.
const TASKS_PER_THREAD: usize = 4;

/// What a batch consists of. But for what has been asked for, nothing of it changes once work has begun.
#[derive(Debug)]
struct Request {
    dataset: Arc<PatchDataset>,
    seed: u64,
    items: Vec<Item>,
    /// How each of the items was drawn, if that was done elsewhere.
    draws: Option<Vec<ItemDraw>>,
    buffers: BatchBuffers,
    are_pages_asked_for: AtomicBool,
}

/// A batch that the threads of a pool are filling.
#[derive(Debug)]
pub struct Batch {
    request: Arc<Request>,
    progress: Arc<Progress>,
    process: Process,
}

#[derive(Debug)]
struct Progress {
    n_tasks_left: AtomicUsize,
    is_cancelled: AtomicBool,
    outcome: Mutex<Option<Result<()>>>,
    done: Condvar,
}

impl Batch {
    /// Begins to fill `buffers` with items. Where `draws` says how each of them was drawn, the plan and the augmentation
    /// are not asked, and items need not be the plan's: their numbers decide on masks alone.
    ///
    /// # Panics
    ///
    /// If the buffers are of another kind than the dataset's items, if an item does not exist, or if there are not as
    /// many draws as items, or some that the dataset [cannot make](PatchDataset::can_make).
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
        draws: Option<Vec<ItemDraw>>,
        buffers: BatchBuffers,
    ) -> Self {
        assert!(matches!(
            (dataset.paired(), buffers),
            (Paired::Nothing, BatchBuffers::Patch(_))
                | (Paired::Targets(..), BatchBuffers::Pair { .. })
                | (Paired::Masks(_), BatchBuffers::Masked { .. })
        ));
        match &draws {
            None => assert!(items.iter().all(|item| item.index < dataset.n_items())),
            Some(draws) => assert!(draws.len() == items.len() && draws.iter().all(|draw| dataset.can_make(draw))),
        }
        let are_pages_asked_for = AtomicBool::new(false);
        Self::start(pool, Arc::new(Request { dataset, seed, items, draws, buffers, are_pages_asked_for }))
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
        self.process != Process::current()
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
        Self { request, progress, process: Process::current() }
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
            // Who is woken wants the lock.
            drop(outcome);
            self.done.notify_all();
        }
    }
}

impl Request {
    /// How the item at a place was drawn.
    fn draw(&self, place: usize) -> ItemDraw {
        match &self.draws {
            None => self.dataset.draw_item(self.seed, self.items[place]),
            Some(draws) => draws[place],
        }
    }

    fn fill(&self, range: std::ops::Range<usize>, is_cancelled: &AtomicBool) -> Result<()> {
        let (n_input, n_target) = self.dataset.n_floats();
        // All draws are made first, so that it is known what memory comes next.
        let items: Vec<_> = range
            .map(|place| (self.items[place], self.draw(place), self.buffers.item(place, n_input, n_target)))
            .collect();
        let n_planes = self.dataset.n_planes();
        let mut strips = (0..items.len() * n_planes).map(|number| {
            let (_, draw, buffers) = &items[number / n_planes];
            self.dataset.strip(draw, *buffers, number % n_planes)
        });
        let mut ahead = Ahead::new(&mut strips);
        let mut watch = self.dataset.readahead().watch(|| self.ask_for_pages());
        for (number, &(item, draw, buffers)) in items.iter().enumerate() {
            if is_cancelled.load(Ordering::Relaxed) {
                return Err(Error::Cancelled);
            }
            // SAFETY: `submit`'s caller vouches for room for all items and against other readers and writers; every
            // item's part is written by one task.
            let buffers = unsafe { buffers.borrow(n_input, n_target) };
            self.dataset.item_into(self.seed, item, draw, buffers, &mut ahead);
            // The first item tells of the others: to look is a system call.
            if number == 0 || number == items.len() - 1 {
                watch.look(|| self.ask_for_pages());
            }
        }
        Ok(())
    }

    /// Asks for the pages of all items, once.
    fn ask_for_pages(&self) {
        if !self.are_pages_asked_for.swap(true, Ordering::Relaxed) {
            for place in 0..self.items.len() {
                let draw = self.draw(place);
                for plane in 0..self.dataset.n_planes() {
                    self.dataset.strip(&draw, self.buffers, plane).for_each_stretch(ask_for_pages);
                }
            }
        }
    }
}
