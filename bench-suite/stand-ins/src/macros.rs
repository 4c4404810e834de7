//! The macros of a bench: groups of functions, and the main function.

/// Defines a function that runs the benchmarks of the target functions.
#[macro_export]
macro_rules! criterion_group {
    (name = $name:ident; config = $config:expr; targets = $($target:path),+ $(,)*) => {
        $crate::__as_documented! {
            pub fn $name() {
                let mut criterion: $crate::Criterion<_> = $config.configure_from_args();
                $($crate::__target(stringify!($target), || $target(&mut criterion));)+
            }
        }
    };
    ($name:ident, $($target:path),+ $(,)*) => {
        $crate::criterion_group! {
            name = $name;
            config = $crate::Criterion::default();
            targets = $($target),+
        }
    };
}

/// The function of a group with its document, which criterion has had since 0.8: a project may deny what has none, or
/// expect that it has none.
#[cfg(not(feature = "before_0_8"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __as_documented {
    ($function:item) => {
        /// Runs the benchmarks of this group.
        $function
    };
}

/// The function of a group, which has no document before 0.8.
#[cfg(feature = "before_0_8")]
#[doc(hidden)]
#[macro_export]
macro_rules! __as_documented {
    ($function:item) => {
        $function
    };
}

/// Defines the main function: it runs the groups.
#[macro_export]
macro_rules! criterion_main {
    ($($group:path),+ $(,)*) => {
        fn main() {
            $crate::__main(|| {
                $($group();)+
            });
        }
    };
}
