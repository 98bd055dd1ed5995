//! Reading mapped files from a slow disk in time.
//!
//! A page of a mapped file that is not in memory is read when it is touched: the thread waits, and the system, which
//! knows nothing of patches, reads megabytes around it. So when pages had to be waited for, the pages of all patches of
//! a task are asked for at once before the first of them is cut, and nothing but them. A file that is in memory is never
//! asked for: that would cost a system call for each patch.

use std::sync::atomic::{AtomicU32, Ordering};

/// For how many tasks pages are asked for after one had to be waited for.
const N_TASKS: u32 = 64;

/// Whether the pages of a source must be asked for.
#[derive(Debug, Default)]
pub struct Readahead {
    n_tasks_left: AtomicU32,
}

/// A task that reads pixels.
#[derive(Debug)]
pub struct Watch<'a> {
    readahead: &'a Readahead,
    n_waits: i64,
}

impl Readahead {
    /// Begins a task. If pages had to be waited for lately, those that it will read are asked for.
    pub fn watch(&self, ask: impl FnOnce()) -> Watch<'_> {
        let n_left = self.n_tasks_left.load(Ordering::Relaxed);
        if n_left > 0 {
            // Tasks that run at the same time may count as one: it is about when to stop, some time.
            self.n_tasks_left.store(n_left - 1, Ordering::Relaxed);
            ask();
        }
        Watch { readahead: self, n_waits: n_waits_for_pages() }
    }
}

impl Watch<'_> {
    /// If the task has waited for pages since it was last asked, those that it and others will read are asked for.
    pub fn look(&mut self, ask: impl FnOnce()) {
        let n_waits = n_waits_for_pages();
        if n_waits > self.n_waits {
            self.n_waits = n_waits;
            self.readahead.n_tasks_left.store(N_TASKS, Ordering::Relaxed);
            ask();
        }
    }
}

/// Asks the system to read some memory of a mapped file soon.
#[cfg(unix)]
pub fn ask_for_pages(start: *const u8, n_bytes: usize) {
    // SAFETY: it has no requirements.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
    let before = start as usize % page;
    // SAFETY: advice changes no memory. If there is none at the address, or if it is of another kind, it has no effect.
    unsafe { libc::madvise(start.wrapping_sub(before).cast_mut().cast(), before + n_bytes, libc::MADV_WILLNEED) };
}

/// How often this thread has waited for a page to be read.
#[cfg(unix)]
fn n_waits_for_pages() -> i64 {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let who = libc::RUSAGE_THREAD;
    // Others only count them for the whole process, which makes them ask a little too often.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let who = libc::RUSAGE_SELF;
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: zeros are a valid `rusage`, and there is room for one.
    unsafe {
        libc::getrusage(who, usage.as_mut_ptr());
        #[allow(clippy::unnecessary_cast, reason = "it has as many bits as the processor")]
        let n_waits = usage.assume_init().ru_majflt as i64;
        n_waits
    }
}

/// Asks for nothing where there is no such advice.
#[cfg(not(unix))]
pub fn ask_for_pages(_start: *const u8, _n_bytes: usize) {}

#[cfg(not(unix))]
fn n_waits_for_pages() -> i64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn nothing_is_asked_for_until_a_page_was_waited_for() {
        let (readahead, n_asked) = (Readahead::default(), Cell::new(0));
        let ask = || n_asked.set(n_asked.get() + 1);
        readahead.watch(ask).look(ask);
        assert_eq!(n_asked.get(), 0);

        let mut watch = readahead.watch(ask);
        watch.n_waits -= 1;
        watch.look(ask);
        watch.look(ask);
        assert_eq!(n_asked.get(), 1, "it is waited for once");

        for _ in 0..N_TASKS + 10 {
            readahead.watch(ask).look(ask);
        }
        assert_eq!(n_asked.get(), 1 + N_TASKS, "and for some time pages are asked for");
    }

    #[test]
    fn any_memory_may_be_asked_for() {
        let bytes = vec![1u8; 10_000];
        ask_for_pages(bytes[17..].as_ptr(), 9000);
        ask_for_pages(std::ptr::null(), 10);
        assert!(bytes.iter().all(|&byte| byte == 1));
    }
}
