//! Background load for a calibration: a busy thread on every core.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// Keeps every core busy until it is dropped.
#[derive(Debug)]
pub struct BackgroundLoad {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<u64>>,
}

impl BackgroundLoad {
    /// Starts a thread for each core.
    pub fn start() -> BackgroundLoad {
        let stop = Arc::new(AtomicBool::new(false));
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let threads = (0..cores)
            .map(|_| {
                let stop = Arc::clone(&stop);
                std::thread::spawn(move || {
                    let mut turns = 0_u64;
                    while !stop.load(Ordering::Relaxed) {
                        turns = std::hint::black_box(turns.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
                    }
                    turns
                })
            })
            .collect();
        BackgroundLoad { stop, threads }
    }
}

impl Drop for BackgroundLoad {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // The thread's result is not used, and it can't panic.
            let _ = thread.join();
        }
    }
}
