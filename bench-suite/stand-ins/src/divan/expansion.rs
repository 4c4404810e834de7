//! What the attributes' expansion names.

use std::any::Any;
use std::borrow::{Borrow, Cow};
use std::fmt::Debug;
use std::time::Duration;

pub use crate::counter::CounterSet;
pub use crate::entry::{enter, Entry, Node, Visitor};
pub use crate::options::BenchOptions;

/// The arguments of a function. The optimizer must not know them.
pub fn collect<I>(arguments: impl FnOnce() -> I) -> &'static [I::Item]
where
    I: IntoIterator,
    I::Item: Any + Send + Sync,
{
    std::hint::black_box(Box::leak(arguments().into_iter().collect()))
}

/// The name of a type, without the modules that it is in.
pub fn type_name<T: ?Sized>() -> String {
    let mut name = std::any::type_name::<T>();
    while let Some((_, rest)) = name.split_once("::").filter(|(module, _)| !module.contains('<')) {
        name = rest;
    }
    name.to_owned()
}

/// What an argument's name is made of.
#[derive(Debug)]
pub struct Named<'a, T: 'static>(pub &'a T);

impl<T: ToString> Named<'_, T> {
    /// The argument as a text. It goes before the method of [`NamedForDebugging`].
    pub fn name(&self) -> String {
        self.0.to_string()
    }
}

/// An argument that is no text.
pub trait NamedForDebugging {
    /// Its name.
    fn name(&self) -> String;
}

impl<T: Debug> NamedForDebugging for Named<'_, T> {
    fn name(&self) -> String {
        format!("{:?}", self.0)
    }
}

/// An argument in the form that the function takes.
pub trait Arg<T> {
    /// Makes it.
    fn get(this: Self) -> T;
}

impl<T> Arg<T> for T {
    #[inline]
    fn get(this: T) -> T {
        this
    }
}

impl<'a, T: ?Sized + ToOwned> Arg<&'a T> for &'a Cow<'a, T> {
    #[inline]
    fn get(this: &'a Cow<'a, T>) -> &'a T {
        this
    }
}

impl<'a> Arg<&'a str> for &'a String {
    #[inline]
    fn get(this: &'a String) -> &'a str {
        this
    }
}

impl<T: Copy> Arg<T> for &T {
    #[inline]
    fn get(this: &T) -> T {
        *this
    }
}

impl<T: Copy> Arg<T> for &&T {
    #[inline]
    fn get(this: &&T) -> T {
        **this
    }
}

impl<T: Copy> Arg<T> for &&&T {
    #[inline]
    fn get(this: &&&T) -> T {
        ***this
    }
}

/// The numbers of threads: one, several, or `true` for as many as there are cores.
pub trait IntoThreads<const KIND: u32> {
    /// As a list.
    fn into_threads(self) -> Cow<'static, [usize]>;
}

impl IntoThreads<0> for usize {
    fn into_threads(self) -> Cow<'static, [usize]> {
        vec![self].into()
    }
}

impl IntoThreads<0> for bool {
    fn into_threads(self) -> Cow<'static, [usize]> {
        vec![usize::from(!self)].into()
    }
}

impl<I> IntoThreads<1> for I
where
    I: IntoIterator,
    I::Item: Borrow<usize>,
{
    fn into_threads(self) -> Cow<'static, [usize]> {
        self.into_iter().map(|count| *count.borrow()).collect()
    }
}

/// A time, or a number of seconds.
pub trait IntoDuration {
    /// As a time.
    fn into_duration(self) -> Duration;
}

impl IntoDuration for Duration {
    fn into_duration(self) -> Duration {
        self
    }
}

impl IntoDuration for u64 {
    fn into_duration(self) -> Duration {
        Duration::from_secs(self)
    }
}

impl IntoDuration for f64 {
    fn into_duration(self) -> Duration {
        Duration::from_secs_f64(self)
    }
}
