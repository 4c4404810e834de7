//! How much an iteration works on. Divan makes a throughput of it; here it has no effect.

use std::any::Any;
use std::mem::{size_of, size_of_val};

/// A number of something.
pub trait Counter: Sized + Any + sealed::Sealed {}

/// What can be made a counter.
pub trait IntoCounter {
    /// The counter that it makes.
    type Counter: Counter;

    /// Makes it.
    fn into_counter(self) -> Self::Counter;
}

impl<C: Counter> IntoCounter for C {
    type Counter = C;

    fn into_counter(self) -> C {
        self
    }
}

/// A number that counts something.
pub trait CountUInt: Copy + Any {
    /// As the widest of them.
    fn into_max_uint(self) -> u64;
}

/// A reference to such a number, or the number.
pub trait AsCountUInt {
    /// As the widest of them.
    fn as_max_uint(&self) -> u64;
}

impl<T: AsCountUInt> AsCountUInt for &T {
    fn as_max_uint(&self) -> u64 {
        T::as_max_uint(self)
    }
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! numbers {
    ($($number:ty)*) => {
        $(
            impl CountUInt for $number {
                fn into_max_uint(self) -> u64 {
                    self as u64
                }
            }

            impl AsCountUInt for $number {
                fn as_max_uint(&self) -> u64 {
                    *self as u64
                }
            }

            impl IntoCounter for $number {
                type Counter = ItemsCount;

                fn into_counter(self) -> ItemsCount {
                    ItemsCount::new(self)
                }
            }
        )*
    };
}

numbers!(u8 u16 u32 u64 usize);

macro_rules! counters {
    ($($(#[$page:meta])* $counter:ident)*) => {
        $(
            $(#[$page])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
            pub struct $counter {
                count: u64,
            }

            impl sealed::Sealed for $counter {}

            impl Counter for $counter {}

            impl<C: AsCountUInt> From<C> for $counter {
                fn from(count: C) -> $counter {
                    $counter { count: count.as_max_uint() }
                }
            }

            impl $counter {
                /// So many.
                pub fn new<N: CountUInt>(count: N) -> $counter {
                    $counter { count: count.into_max_uint() }
                }
            }
        )*
    };
}

counters! {
    /// Bytes.
    BytesCount
    /// Letters.
    CharsCount
    /// Cycles.
    CyclesCount
    /// Things of any kind.
    ItemsCount
}

impl BytesCount {
    /// Those of a value of this type.
    pub const fn of<T>() -> BytesCount {
        BytesCount { count: size_of::<T>() as u64 }
    }

    /// Those of `n` values of this type.
    pub const fn of_many<T>(n: usize) -> BytesCount {
        match (size_of::<T>() as u64).checked_mul(n as u64) {
            Some(count) => BytesCount { count },
            None => panic!("more bytes than a number can say"),
        }
    }

    /// Those of a value.
    pub fn of_val<T: ?Sized>(value: &T) -> BytesCount {
        BytesCount { count: size_of_val(value) as u64 }
    }

    /// Those of what an iterator yields.
    pub fn of_iter<T, I>(iter: I) -> BytesCount
    where
        I: IntoIterator<Item = T>,
    {
        BytesCount::of_many::<T>(iter.into_iter().count())
    }

    /// Those of a text.
    pub fn of_str<S: ?Sized + AsRef<str>>(text: &S) -> BytesCount {
        BytesCount::of_val(text.as_ref())
    }

    /// Those of a slice.
    pub fn of_slice<T, S: ?Sized + AsRef<[T]>>(slice: &S) -> BytesCount {
        BytesCount::of_val(slice.as_ref())
    }
}

macro_rules! bytes {
    ($($number:ident)*) => {
        impl BytesCount {
            $(
                /// Those of `n` such numbers.
                pub const fn $number(n: usize) -> BytesCount {
                    BytesCount::of_many::<$number>(n)
                }
            )*
        }
    };
}

bytes!(f32 f64 i8 u8 i16 u16 i32 u32 i64 u64 i128 u128 isize usize);

impl CharsCount {
    /// Those of a text.
    pub fn of_str<S: ?Sized + AsRef<str>>(text: &S) -> CharsCount {
        CharsCount { count: text.as_ref().chars().count() as u64 }
    }
}

impl ItemsCount {
    /// What an iterator yields.
    pub fn of_iter<T, I>(iter: I) -> ItemsCount
    where
        I: IntoIterator<Item = T>,
    {
        ItemsCount { count: iter.into_iter().count() as u64 }
    }
}

/// How divan prints bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum BytesFormat {
    /// With the prefixes of 1000.
    #[default]
    Decimal,
    /// With the prefixes of 1024.
    Binary,
}

/// The counters of a benchmark, which nobody asks.
#[derive(Debug, Clone, Copy, Default)]
#[doc(hidden)]
pub struct CounterSet;

impl CounterSet {
    /// With one more.
    #[must_use]
    pub fn with<C: IntoCounter>(self, counter: C) -> CounterSet {
        drop(counter.into_counter());
        self
    }
}
