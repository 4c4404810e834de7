//! Runtimes that run futures to their end.

use std::future::Future;

/// A runtime for [`crate::Bencher::to_async`].
pub trait AsyncExecutor {
    /// Runs a future to its end.
    fn block_on<T>(&self, future: impl Future<Output = T>) -> T;
}

/// The executor of the library futures, on this thread.
#[cfg(feature = "async_futures")]
#[derive(Debug, Clone, Copy, Default)]
pub struct FuturesExecutor;

#[cfg(feature = "async_futures")]
impl AsyncExecutor for FuturesExecutor {
    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        futures::executor::block_on(future)
    }
}

/// The global executor of smol.
#[cfg(feature = "async_smol")]
#[derive(Debug, Clone, Copy, Default)]
pub struct SmolExecutor;

#[cfg(feature = "async_smol")]
impl AsyncExecutor for SmolExecutor {
    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        smol::block_on(future)
    }
}

/// The executor of async-std.
#[cfg(feature = "async_std")]
#[derive(Debug, Clone, Copy, Default)]
pub struct AsyncStdExecutor;

#[cfg(feature = "async_std")]
impl AsyncExecutor for AsyncStdExecutor {
    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        async_std::task::block_on(future)
    }
}

#[cfg(feature = "async_tokio")]
macro_rules! tokio_executors {
    ($($runtime:ident),+) => {
        $(
            impl AsyncExecutor for tokio::runtime::$runtime {
                fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
                    tokio::runtime::$runtime::block_on(self, future)
                }
            }

            impl AsyncExecutor for &tokio::runtime::$runtime {
                fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
                    tokio::runtime::$runtime::block_on(self, future)
                }
            }
        )+
    };
}

#[cfg(feature = "async_tokio")]
tokio_executors!(Runtime, Handle);
